-- What people say an indicator was at a moment, and how they know. A correction is another one.
CREATE TABLE indicator_claim (
    id uuid PRIMARY KEY,
    indicator_id uuid NOT NULL REFERENCES pack_item,
    value double precision NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    as_of timestamptz NOT NULL,
    evidence text NOT NULL CHECK (evidence <> '' AND length(evidence) <= 2000),
    -- Of the file that shows it, where there is one.
    evidence_sha256 text CHECK (evidence_sha256 ~ '^[0-9a-f]{64}$'),
    corrects uuid REFERENCES indicator_claim,
    made_at timestamptz NOT NULL,
    made_by uuid NOT NULL REFERENCES person,
    made_name text NOT NULL,
    needs_second boolean NOT NULL,
    answer text CHECK (answer IN ('approved', 'refused')),
    answered_at timestamptz,
    answered_by uuid REFERENCES person,
    answered_name text,
    -- Nobody says what will be.
    CONSTRAINT indicator_claim_as_of CHECK (as_of <= made_at),
    CONSTRAINT indicator_claim_answer CHECK ((answer IS NULL) = (answered_at IS NULL)
        AND (answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL OR needs_second)),
    -- Whoever made it may take it back, and never agree.
    CONSTRAINT indicator_claim_four_eyes CHECK (answer <> 'approved' OR answered_by <> made_by)
);
CREATE INDEX indicator_claim_last ON indicator_claim (indicator_id, made_at DESC, id DESC);
CREATE INDEX indicator_claim_open ON indicator_claim (indicator_id) WHERE needs_second AND answer IS NULL;

-- Where a report came from a person.
ALTER TABLE indicator_report ADD COLUMN claim_id uuid REFERENCES indicator_claim;

-- What was said never changes, and it is answered once.
CREATE FUNCTION indicator_claim_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answer IS NOT NULL THEN
        RAISE EXCEPTION 'a value is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'indicator_claim_answered_once';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER indicator_claim_is_kept BEFORE UPDATE ON indicator_claim
    FOR EACH ROW EXECUTE FUNCTION indicator_claim_is_kept();

GRANT SELECT, INSERT, UPDATE (answer, answered_at, answered_by, answered_name) ON indicator_claim TO signalbox_app;
GRANT SELECT ON indicator_claim TO signalbox_auditor;
