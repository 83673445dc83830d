DELETE FROM policy WHERE key = 'intake.keeping';
DROP INDEX job_keyed;
DROP INDEX intake_batch_rejected;
DROP INDEX intake_batch_open;
ALTER TABLE intake_batch DROP COLUMN rejections_expired_at;
ALTER TABLE intake_batch DROP COLUMN heard_at;
