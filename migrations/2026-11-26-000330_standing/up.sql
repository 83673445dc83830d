-- What a subject was last compared with, when it is to be looked at again, and when its papers expire.
--
-- The expiry stands beside the sealed document as a bare date: what runs every day has to find it by an index, and a
-- date that names neither the paper nor its bearer tells nothing without the row's key.
ALTER TABLE kyc_assessment
    ALTER COLUMN review_at DROP NOT NULL,
    ADD COLUMN document_expires date,
    -- Nothing where no list was in force.
    ADD COLUMN screened_at timestamptz,
    ADD COLUMN screened_lists text[] NOT NULL DEFAULT '{}',
    -- The subject's, which never changes: whoever counts by platform need not look into the subjects.
    ADD COLUMN platform_id uuid,
    ADD CONSTRAINT kyc_assessment_screened CHECK ((screened_at IS NULL) = (screened_lists = '{}'));
UPDATE kyc_assessment a SET platform_id = s.platform_id FROM subject s WHERE s.id = a.subject_id;
ALTER TABLE kyc_assessment
    ALTER COLUMN platform_id SET NOT NULL,
    ALTER COLUMN screened_lists DROP DEFAULT;
COMMENT ON COLUMN kyc_assessment.review_at IS 'Set by an approval; a new assessment may only bring it nearer.';
CREATE INDEX kyc_assessment_papers ON kyc_assessment (document_expires) WHERE document_expires IS NOT NULL;
CREATE INDEX kyc_assessment_screened_at ON kyc_assessment (screened_at NULLS FIRST);
