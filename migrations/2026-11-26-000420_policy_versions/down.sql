DROP TRIGGER policy_is_kept ON policy;
DROP FUNCTION policy_is_kept;
DROP INDEX policy_one_proposal;
-- What is neither in force nor refused has no place in the older table.
DELETE FROM policy WHERE withdrawn_by IS NOT NULL;
ALTER TABLE policy DROP COLUMN withdrawn_at;
ALTER TABLE policy DROP COLUMN withdrawn_by;
ALTER TABLE policy DROP COLUMN approved_sha256;
ALTER TABLE policy DROP COLUMN payload_sha256;
ALTER TABLE policy DROP COLUMN reason;
