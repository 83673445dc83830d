-- A hit keeps when it was confirmed and by when that has to be reported, whatever becomes of its status: one that
-- is opened again because a record changed has not lost its clock.
ALTER TABLE screening_hit
    DROP CONSTRAINT screening_hit_check,
    -- The threshold for a second person, as it was when the two were compared.
    ADD COLUMN two_people_at smallint CHECK (two_people_at BETWEEN 0 AND 1000),
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN reported_at timestamptz,
    -- What the authority answered. People type it, so it is sealed under the subject's key.
    ADD COLUMN report_reference bytea,
    ADD CONSTRAINT screening_hit_reported
        CHECK ((reported_at IS NULL) = (report_reference IS NULL)
               AND (reported_at IS NULL OR report_due IS NOT NULL));
UPDATE screening_hit SET two_people_at = (
    SELECT (value ->> 'two_people_at')::smallint FROM policy
    WHERE key = 'kyc.screening' AND approved_by IS NOT NULL AND effective_from <= now()
    ORDER BY effective_from DESC, version DESC LIMIT 1);
UPDATE screening_hit h SET confirmed_at = d.approved_at
    FROM screening_disposition d
    WHERE d.hit_id = h.id AND d.state = 'effective' AND d.outcome = 'confirmed' AND h.status = 'confirmed';
ALTER TABLE screening_hit
    ALTER COLUMN two_people_at SET NOT NULL,
    ADD CONSTRAINT screening_hit_clock CHECK (report_due IS NULL OR confirmed_at IS NOT NULL);
CREATE INDEX screening_hit_report ON screening_hit (report_due, id)
    WHERE report_due IS NOT NULL AND reported_at IS NULL AND status <> 'dismissed';

-- The rule that no code path can forget: a hit is decided by a disposition of exactly these two records, and by
-- two people where it is confirmed, strong, or was confirmed before.
CREATE FUNCTION screening_hit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('confirmed', 'dismissed') AND NOT EXISTS (
        SELECT FROM screening_disposition d
        WHERE d.hit_id = NEW.id AND d.state = 'effective' AND d.outcome = NEW.status
          AND d.subject_hash = NEW.subject_hash AND d.entry_hash = NEW.entry_hash
          AND (d.approver_id IS NOT NULL
               OR NOT (NEW.status = 'confirmed' OR NEW.exact OR NEW.score >= NEW.two_people_at
                       OR NEW.confirmed_at IS NOT NULL))
    ) THEN
        RAISE EXCEPTION 'a decided hit needs its disposition, and a second person where it is strong'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'screening_hit_second_person';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER screening_hit_guard BEFORE INSERT OR UPDATE ON screening_hit
    FOR EACH ROW EXECUTE FUNCTION screening_hit_guard();
