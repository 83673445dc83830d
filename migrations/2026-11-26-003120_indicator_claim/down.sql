ALTER TABLE indicator_report DROP COLUMN claim_id;
DROP TABLE indicator_claim;
DROP FUNCTION indicator_claim_is_kept();
