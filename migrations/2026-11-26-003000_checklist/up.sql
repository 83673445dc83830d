-- One time that a checklist was due, or was started: the list as it was then, who did it and who looked it over.
CREATE TABLE checklist_run (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    item_id uuid NOT NULL REFERENCES pack_item,
    name text NOT NULL,
    -- The list as its pack had it when this opened.
    spec jsonb NOT NULL,
    -- What it opened by, so that a list which is given other times begins anew.
    schedule text NOT NULL,
    slot timestamptz NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > slot),
    opened_at timestamptz NOT NULL,
    -- Who started it; nobody where it opened by itself.
    opened_by uuid REFERENCES person,
    opened_name text NOT NULL,
    -- What it was started for.
    subject text NOT NULL,
    window_id uuid REFERENCES maintenance_window,
    state text NOT NULL CHECK (state IN ('open', 'signed', 'accepted', 'objected', 'missed', 'called_off')),
    signed_at timestamptz,
    signed_by uuid REFERENCES person,
    signed_name text,
    -- Whoever signed it or answered for an item of it.
    performers uuid[],
    -- What was signed, to the byte.
    contents text,
    digest bytea,
    failed integer,
    reviewed_at timestamptz,
    reviewed_by uuid REFERENCES person,
    reviewed_name text,
    review_note text,
    ended_at timestamptz,
    end_note text,
    CONSTRAINT checklist_signature CHECK ((signed_by IS NULL) = (contents IS NULL)
        AND (signed_by IS NULL) = (digest IS NULL) AND (signed_by IS NULL) = (signed_at IS NULL)
        AND (signed_by IS NULL) = (performers IS NULL) AND (signed_by IS NULL) = (failed IS NULL)
        AND (state IN ('signed', 'accepted', 'objected')) = (signed_by IS NOT NULL)),
    CONSTRAINT checklist_signed_contents CHECK (digest = sha256(convert_to(contents, 'UTF8'))),
    CONSTRAINT checklist_signer_performs CHECK (signed_by = ANY (performers)),
    CONSTRAINT checklist_review CHECK ((reviewed_by IS NULL) = (reviewed_at IS NULL)
        AND (state IN ('accepted', 'objected')) = (reviewed_by IS NOT NULL)
        AND (state <> 'objected' OR review_note <> '')),
    CONSTRAINT checklist_four_eyes CHECK (NOT (reviewed_by = ANY (performers))),
    CONSTRAINT checklist_end CHECK ((state IN ('missed', 'called_off')) = (ended_at IS NOT NULL)
        AND (ended_at IS NULL) = (end_note IS NULL))
);
-- A slot opens once, whoever opens it.
CREATE UNIQUE INDEX checklist_run_slot ON checklist_run (item_id, slot) WHERE opened_by IS NULL;
CREATE INDEX checklist_run_waiting ON checklist_run (platform_id) WHERE state IN ('open', 'signed');
CREATE INDEX checklist_run_past ON checklist_run (item_id, slot DESC);

-- What was answered for an item, by a reading or by a person. The last one counts; none is ever changed.
CREATE TABLE checklist_answer (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES checklist_run,
    item text NOT NULL,
    at timestamptz NOT NULL,
    answered_by uuid REFERENCES person,
    answered_name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('pass', 'fail', 'unknown', 'not_applicable')),
    -- What was read, where, and when that had been seen.
    value text NOT NULL,
    source text NOT NULL,
    seen_at timestamptz,
    note text NOT NULL,
    reference text NOT NULL,
    alert_id uuid REFERENCES alert
);
CREATE INDEX checklist_answer_order ON checklist_answer (run_id, at, id);

-- Files that show something; their bytes stand with the other files and go when their time is over, the hash stays.
CREATE TABLE checklist_evidence (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES checklist_run,
    item text NOT NULL,
    at timestamptz NOT NULL,
    added_by uuid NOT NULL REFERENCES person,
    added_name text NOT NULL,
    file_id uuid NOT NULL,
    byte_count bigint NOT NULL CHECK (byte_count >= 0),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32)
);
CREATE INDEX checklist_evidence_order ON checklist_evidence (run_id, at, id);

-- What was opened never changes, what was signed never changes, and what is over is over.
CREATE FUNCTION checklist_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.platform_id, NEW.item_id, NEW.name, NEW.spec, NEW.schedule, NEW.slot, NEW.due_at, NEW.opened_at,
            NEW.opened_by, NEW.opened_name, NEW.subject, NEW.window_id)
        IS DISTINCT FROM (OLD.id, OLD.platform_id, OLD.item_id, OLD.name, OLD.spec, OLD.schedule, OLD.slot, OLD.due_at,
            OLD.opened_at, OLD.opened_by, OLD.opened_name, OLD.subject, OLD.window_id)
        OR (OLD.signed_by IS NOT NULL
            AND (NEW.signed_at, NEW.signed_by, NEW.signed_name, NEW.performers, NEW.contents, NEW.digest, NEW.failed)
            IS DISTINCT FROM (OLD.signed_at, OLD.signed_by, OLD.signed_name, OLD.performers, OLD.contents, OLD.digest,
                OLD.failed))
        OR OLD.state IN ('accepted', 'objected', 'missed', 'called_off')
        OR (OLD.state = 'signed' AND NEW.state NOT IN ('accepted', 'objected'))
    THEN
        RAISE EXCEPTION 'what was signed in a checklist never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'checklist_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER checklist_is_kept BEFORE UPDATE ON checklist_run FOR EACH ROW EXECUTE FUNCTION checklist_is_kept();

-- Nothing is added to what was signed. The row is locked, so that nobody signs it meanwhile.
CREATE FUNCTION checklist_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM checklist_run WHERE id = NEW.run_id AND state = 'open' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this checklist takes no more answers' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'checklist_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER checklist_is_open BEFORE INSERT ON checklist_answer FOR EACH ROW EXECUTE FUNCTION checklist_is_open();
CREATE TRIGGER checklist_is_open BEFORE INSERT ON checklist_evidence FOR EACH ROW EXECUTE FUNCTION checklist_is_open();

GRANT SELECT, INSERT, UPDATE ON checklist_run TO signalbox_app;
GRANT SELECT, INSERT ON checklist_answer, checklist_evidence TO signalbox_app;
GRANT SELECT ON checklist_run, checklist_answer, checklist_evidence TO signalbox_auditor;
