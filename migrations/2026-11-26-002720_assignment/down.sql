ALTER TABLE silence DROP COLUMN snooze;
ALTER TABLE alert DROP COLUMN assigned_to, DROP COLUMN assigned_name, DROP COLUMN assigned_at;
