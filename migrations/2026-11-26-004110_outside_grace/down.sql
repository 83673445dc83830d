ALTER TABLE outside_alert DROP COLUMN grace_until;
