-- What somebody needs to recognise a device of theirs, and to take it off the list.
ALTER TABLE known_device
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN user_agent text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 300),
    ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN last_used_at timestamptz;
