ALTER TABLE idempotency DROP COLUMN digest;
