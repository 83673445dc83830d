ALTER TABLE indicator_claim DROP COLUMN file_id, DROP COLUMN file_bytes;
