-- What somebody wants a pack to say, where that takes a second person.
CREATE TABLE pack_change (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    -- The revision that it was written over.
    base bigint NOT NULL CHECK (base > 0),
    source text NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 262144),
    digest bytea NOT NULL,
    reason text NOT NULL CHECK (reason <> '' AND length(reason) <= 1000),
    -- Which guards it lowers, in words.
    lowers jsonb NOT NULL CHECK (jsonb_typeof(lowers) = 'array'),
    asked_at timestamptz NOT NULL,
    asked_by uuid NOT NULL REFERENCES person,
    asked_name text NOT NULL,
    answer text CHECK (answer IN ('applied', 'rejected', 'withdrawn')),
    answered_at timestamptz,
    answered_by uuid REFERENCES person,
    answered_name text,
    answer_reason text CHECK (answer_reason <> '' AND length(answer_reason) <= 1000),
    -- The one that it became.
    revision bigint,
    CONSTRAINT pack_change_digest CHECK (digest = sha256(convert_to(source, 'UTF8'))),
    CONSTRAINT pack_change_answer CHECK ((answer IS NULL) = (answered_at IS NULL)
        AND (answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_name IS NULL)),
    -- Whoever asked may take it back, and only they; they never answer it.
    CONSTRAINT pack_change_four_eyes CHECK ((answer = 'withdrawn') = (answered_by = asked_by)),
    CONSTRAINT pack_change_rejection CHECK (answer <> 'rejected' OR answer_reason IS NOT NULL),
    CONSTRAINT pack_change_applied CHECK ((answer IS NOT DISTINCT FROM 'applied') = (revision IS NOT NULL))
);
CREATE INDEX pack_change_last ON pack_change (platform_id, asked_at DESC, id DESC);
CREATE INDEX pack_change_open ON pack_change (asked_at) WHERE answer IS NULL;

-- What was asked for never changes, and it is answered once.
CREATE FUNCTION pack_change_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answer IS NOT NULL THEN
        RAISE EXCEPTION 'a change is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'pack_change_answered_once';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER pack_change_is_kept BEFORE UPDATE ON pack_change
    FOR EACH ROW EXECUTE FUNCTION pack_change_is_kept();

-- Every pack that was ever applied, as it was given, comments included. Rows are added and never changed. Of what was
-- applied before this table came, only the digest is known.
CREATE TABLE pack_revision (
    platform_id uuid NOT NULL REFERENCES platform,
    revision bigint NOT NULL CHECK (revision > 0),
    version text NOT NULL,
    source text NOT NULL,
    digest bytea NOT NULL,
    -- Names, and the values that this installation gave. A secret is the name of its file.
    parameters jsonb NOT NULL,
    accepted jsonb NOT NULL,
    -- What it changed, and which guards it lowered, in words.
    differences jsonb NOT NULL CHECK (jsonb_typeof(differences) = 'array'),
    lowers jsonb NOT NULL CHECK (jsonb_typeof(lowers) = 'array'),
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    applied_name text NOT NULL,
    through text NOT NULL CHECK (through IN ('command_line', 'pages', 'job')),
    reason text CHECK (reason <> ''),
    change_id uuid UNIQUE REFERENCES pack_change,
    PRIMARY KEY (platform_id, revision),
    CONSTRAINT pack_revision_digest CHECK (digest = sha256(convert_to(source, 'UTF8'))),
    -- One person lowers nothing from the pages: it takes the change that another has looked at.
    CONSTRAINT pack_revision_second CHECK (through <> 'pages' OR lowers = '[]' OR change_id IS NOT NULL),
    CONSTRAINT pack_revision_pages CHECK (through <> 'pages' OR reason IS NOT NULL)
);

GRANT SELECT, INSERT ON pack_revision TO signalbox_app;
GRANT SELECT, INSERT, UPDATE (answer, answered_at, answered_by, answered_name, answer_reason, revision)
    ON pack_change TO signalbox_app;
GRANT SELECT ON pack_revision, pack_change TO signalbox_auditor;
