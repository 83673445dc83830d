ALTER TABLE log_source DROP COLUMN files;
