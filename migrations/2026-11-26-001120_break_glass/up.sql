-- An account for the night on which nobody else can: sealed in an envelope, short when used, and looked
-- at afterwards by somebody else.
ALTER TABLE person ADD COLUMN break_glass boolean NOT NULL DEFAULT false;

CREATE TABLE break_glass_use (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    session_id uuid NOT NULL,
    network text NOT NULL,
    used_at timestamptz NOT NULL,
    reviewed_by uuid REFERENCES person (id),
    reviewed_at timestamptz,
    note text CHECK (btrim(note) <> '' AND length(note) <= 2000),
    CHECK ((reviewed_by IS NULL) = (reviewed_at IS NULL) AND (reviewed_by IS NULL) = (note IS NULL)),
    CONSTRAINT break_glass_not_oneself CHECK (reviewed_by <> person_id)
);
CREATE INDEX break_glass_use_person ON break_glass_use (person_id, used_at DESC);

CREATE FUNCTION break_glass_use_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.reviewed_by IS NOT NULL THEN
        RAISE EXCEPTION 'a use is reviewed once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'break_glass_reviewed_once';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER break_glass_use_is_kept BEFORE UPDATE ON break_glass_use
    FOR EACH ROW EXECUTE FUNCTION break_glass_use_is_kept();

GRANT SELECT, INSERT ON break_glass_use TO signalbox_app;
GRANT UPDATE (reviewed_by, reviewed_at, note) ON break_glass_use TO signalbox_app;
GRANT SELECT ON break_glass_use TO signalbox_auditor;
