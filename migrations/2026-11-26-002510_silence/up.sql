-- Silences: for a while nobody is told of these alerts. They are evaluated and listed all the same.
CREATE TABLE silence (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    matchers jsonb NOT NULL CHECK (jsonb_typeof(matchers) = 'array'),
    -- The one alert that it is about. Where there is none it is broad.
    fingerprint text CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
    -- Whether it holds for a red alert when nobody else has agreed.
    covers_red boolean NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid REFERENCES person,
    created_by_key text REFERENCES api_key,
    created_name text NOT NULL,
    needs_second boolean NOT NULL,
    approved_at timestamptz,
    approved_by uuid REFERENCES person,
    approved_name text,
    -- Refused by somebody else, or withdrawn by whoever asked.
    refused_at timestamptz,
    refused_by uuid REFERENCES person,
    refused_name text,
    ended_at timestamptz,
    ended_by text,
    ended_name text,
    countersign_by timestamptz,
    countersigned_at timestamptz,
    countersigned_by uuid REFERENCES person,
    countersigned_name text,
    reminded_at timestamptz,
    CONSTRAINT silence_has_an_end CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '30 days'),
    CONSTRAINT silence_one_author CHECK ((created_by IS NULL) <> (created_by_key IS NULL)),
    -- What one person may do alone: one alert, and a red one for an hour at most, countersigned.
    CONSTRAINT silence_alone CHECK (needs_second OR (
        fingerprint IS NOT NULL
        AND ends_at <= starts_at + interval '8 hours'
        AND (NOT covers_red OR (ends_at <= starts_at + interval '1 hour' AND countersign_by IS NOT NULL)))),
    -- A program asks for nothing that takes a second person.
    CONSTRAINT silence_key_alone CHECK (created_by_key IS NULL OR NOT needs_second),
    CONSTRAINT silence_four_eyes CHECK (approved_by <> created_by),
    CONSTRAINT silence_countersigned_by_another CHECK (countersigned_by <> created_by),
    CONSTRAINT silence_approval CHECK ((approved_at IS NULL) = (approved_by IS NULL)
        AND (approved_at IS NULL OR needs_second)),
    CONSTRAINT silence_refusal CHECK ((refused_at IS NULL) = (refused_by IS NULL)),
    CONSTRAINT silence_one_answer CHECK (approved_at IS NULL OR refused_at IS NULL),
    CONSTRAINT silence_end CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT silence_countersignature CHECK ((countersigned_at IS NULL) = (countersigned_by IS NULL)
        AND (countersigned_at IS NULL OR countersign_by IS NOT NULL))
);
CREATE INDEX silence_running ON silence (ends_at) WHERE ended_at IS NULL AND refused_at IS NULL;
CREATE INDEX silence_to_countersign ON silence (countersign_by)
    WHERE countersign_by IS NOT NULL AND countersigned_at IS NULL;
CREATE INDEX silence_newest ON silence (created_at DESC, id DESC);
CREATE INDEX silence_of_one ON silence (platform_id, fingerprint, created_at DESC) WHERE fingerprint IS NOT NULL;
-- How many alerts of the last 30 days a silence would have met.
CREATE INDEX alert_fired ON alert (platform_id, fired_at DESC);

-- What was asked for never changes, and each answer is given once.
CREATE FUNCTION silence_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.platform_id, NEW.matchers, NEW.fingerprint, NEW.covers_red, NEW.reason, NEW.starts_at, NEW.ends_at,
            NEW.created_at, NEW.created_by, NEW.created_by_key, NEW.needs_second, NEW.countersign_by)
        IS DISTINCT FROM (OLD.platform_id, OLD.matchers, OLD.fingerprint, OLD.covers_red, OLD.reason, OLD.starts_at,
            OLD.ends_at, OLD.created_at, OLD.created_by, OLD.created_by_key, OLD.needs_second, OLD.countersign_by)
    THEN
        RAISE EXCEPTION 'a silence never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'silence_never_changes';
    END IF;
    IF (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR (OLD.refused_by IS NOT NULL AND NEW.refused_by IS DISTINCT FROM OLD.refused_by)
        OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
        OR (OLD.countersigned_by IS NOT NULL AND NEW.countersigned_by IS DISTINCT FROM OLD.countersigned_by)
    THEN
        RAISE EXCEPTION 'a silence is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'silence_answered_once';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER silence_is_kept BEFORE UPDATE ON silence FOR EACH ROW EXECUTE FUNCTION silence_is_kept();

GRANT SELECT, INSERT, UPDATE ON silence TO signalbox_app;
GRANT SELECT ON silence TO signalbox_auditor;
