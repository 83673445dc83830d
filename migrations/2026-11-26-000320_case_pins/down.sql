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
        IF EXISTS (
            SELECT FROM screening_hit h
            WHERE h.subject_id = NEW.subject_id
              AND h.status IN ('open', 'proposed', 'needs_information')
        ) THEN
            RAISE EXCEPTION 'a case cannot be approved while a hit is undecided'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_undecided_hit';
        END IF;
    END IF;
    RETURN NEW;
END;
$$;
ALTER TABLE review_case
    DROP COLUMN screening_policy_version,
    DROP COLUMN opened_for;
