ALTER TABLE known_device
    DROP COLUMN id,
    DROP COLUMN user_agent,
    DROP COLUMN address,
    DROP COLUMN last_used_at;
