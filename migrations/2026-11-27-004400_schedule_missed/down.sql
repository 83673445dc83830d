ALTER TABLE job_schedule DROP COLUMN missed_at, DROP COLUMN missed;
