-- Who may do what, looked through from time to time: each line is confirmed or revoked by somebody whom
-- it is not about, and the whole is signed. What stood in a line when the review was opened never changes.
CREATE TABLE access_review (
    id uuid PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > opened_at),
    signed_at timestamptz,
    signed_by uuid REFERENCES person (id),
    signature text CHECK (btrim(signature) <> ''),
    lines_sha256 bytea CHECK (octet_length(lines_sha256) = 32),
    CONSTRAINT access_review_signed CHECK (
        (signed_at IS NULL) = (signed_by IS NULL) AND (signed_at IS NULL) = (signature IS NULL)
        AND (signed_at IS NULL) = (lines_sha256 IS NULL))
);
CREATE UNIQUE INDEX access_review_one_open ON access_review ((true)) WHERE signed_at IS NULL;

CREATE TABLE access_review_line (
    review_id uuid NOT NULL REFERENCES access_review (id),
    position integer NOT NULL CHECK (position > 0),
    person_id uuid NOT NULL REFERENCES person (id),
    role text NOT NULL,
    platforms text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    reason text NOT NULL,
    granted_by text NOT NULL,
    last_seen timestamptz,
    last_act timestamptz,
    answer text CHECK (answer IN ('confirmed', 'revoked')),
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    answered_by uuid REFERENCES person (id),
    answered_at timestamptz,
    PRIMARY KEY (review_id, position),
    CHECK ((answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_at IS NULL)),
    CONSTRAINT access_review_not_oneself CHECK (answered_by <> person_id),
    CONSTRAINT access_review_reason CHECK (answer <> 'revoked' OR btrim(note) <> '')
);

CREATE FUNCTION access_review_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.signed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a review is signed once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'access_review_once';
    END IF;
    IF EXISTS (SELECT FROM access_review_line l WHERE l.review_id = NEW.id AND l.answer IS NULL) THEN
        RAISE EXCEPTION 'every line is answered first' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'access_review_whole';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER access_review_is_kept BEFORE UPDATE ON access_review
    FOR EACH ROW EXECUTE FUNCTION access_review_is_kept();

CREATE FUNCTION access_review_line_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answer IS NOT NULL THEN
        RAISE EXCEPTION 'a line is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'access_review_line_once';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER access_review_line_is_kept BEFORE UPDATE ON access_review_line
    FOR EACH ROW EXECUTE FUNCTION access_review_line_is_kept();

GRANT SELECT, INSERT ON access_review, access_review_line TO signalbox_app;
GRANT UPDATE (signed_at, signed_by, signature, lines_sha256) ON access_review TO signalbox_app;
GRANT UPDATE (answer, note, answered_by, answered_at) ON access_review_line TO signalbox_app;
GRANT SELECT ON access_review, access_review_line TO signalbox_auditor;
