DROP INDEX kyc_assessment_screened_at;
DROP INDEX kyc_assessment_papers;
UPDATE kyc_assessment SET review_at = assessed_at + interval '3 months' WHERE review_at IS NULL;
ALTER TABLE kyc_assessment
    DROP COLUMN platform_id,
    DROP COLUMN screened_lists,
    DROP COLUMN screened_at,
    DROP COLUMN document_expires,
    ALTER COLUMN review_at SET NOT NULL;
