ALTER TABLE maintenance_window DROP COLUMN told_off_at, DROP COLUMN told_at;
