-- A case is judged to its end under both policies that it was opened under, and says what opened it.
ALTER TABLE review_case
    ADD COLUMN screening_policy_version integer,
    ADD COLUMN opened_for text NOT NULL DEFAULT 'assessment'
        CHECK (opened_for IN ('assessment', 'review_due', 'document_expired'));
UPDATE review_case SET screening_policy_version = (
    SELECT version FROM policy
    WHERE key = 'kyc.screening' AND approved_by IS NOT NULL AND effective_from <= review_case.opened_at
    ORDER BY effective_from DESC, version DESC LIMIT 1);
ALTER TABLE review_case
    ALTER COLUMN screening_policy_version SET NOT NULL,
    ALTER COLUMN opened_for DROP DEFAULT;

-- Nobody with a high risk is approved by one person alone; no case is closed while a hit is undecided; and nobody is
-- approved whom two people have found on a list.
CREATE OR REPLACE FUNCTION review_case_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'approved' THEN
        IF NOT EXISTS (
            SELECT FROM case_decision d
            WHERE d.case_id = NEW.id AND d.state = 'effective' AND d.decision = 'approve'
              AND (NEW.band NOT IN ('high', 'prohibited') OR d.approver_id IS NOT NULL)
        ) THEN
            RAISE EXCEPTION 'an approved case needs its decision, and a second person at high risk'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_second_person';
        END IF;
        IF (TG_OP = 'INSERT' OR OLD.status <> 'approved') AND EXISTS (
            SELECT FROM screening_hit h
            WHERE h.subject_id = NEW.subject_id AND h.status = 'confirmed'
        ) THEN
            RAISE EXCEPTION 'a case cannot be approved over a confirmed hit'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_confirmed_hit';
        END IF;
    END IF;
    IF NEW.status IN ('approved', 'rejected') AND (TG_OP = 'INSERT' OR OLD.status <> NEW.status) AND EXISTS (
        SELECT FROM screening_hit h
        WHERE h.subject_id = NEW.subject_id
          AND h.status IN ('open', 'proposed', 'needs_information')
    ) THEN
        RAISE EXCEPTION 'a case cannot be closed while a hit is undecided'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_undecided_hit';
    END IF;
    RETURN NEW;
END;
$$;
