-- How many slots of a schedule nobody was there for, since it is known, and when that was last noticed.
ALTER TABLE job_schedule ADD COLUMN missed bigint NOT NULL DEFAULT 0 CHECK (missed >= 0),
    ADD COLUMN missed_at timestamptz;
