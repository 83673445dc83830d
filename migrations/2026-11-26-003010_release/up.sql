-- A platform going from one version to another, from its draft to its end.
CREATE TABLE release (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    version_from text NOT NULL CHECK (version_from <> ''),
    version_to text NOT NULL CHECK (version_to <> '' AND version_to <> version_from),
    what text NOT NULL CHECK (what <> ''),
    planned_at timestamptz NOT NULL,
    -- The list that its pack has for deployments.
    checklist_run_id uuid REFERENCES checklist_run,
    proposed_at timestamptz NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_name text NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'gates_passed', 'deploying', 'verifying', 'done', 'going_back',
        'rolled_back', 'abandoned')),
    -- How often gates were asked.
    round integer NOT NULL CHECK (round >= 0),
    approved_at timestamptz,
    approved_by uuid,
    approved_name text,
    started_at timestamptz,
    started_by uuid,
    started_name text,
    back_to text,
    reason text,
    ended_at timestamptz,
    CONSTRAINT release_approval CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CONSTRAINT release_four_eyes CHECK (approved_by <> proposed_by AND approved_by <> started_by),
    CONSTRAINT release_start CHECK ((started_by IS NULL) = (started_at IS NULL)
        AND (started_by IS NULL OR approved_by IS NOT NULL)
        AND (state NOT IN ('deploying', 'verifying', 'done', 'going_back', 'rolled_back') OR started_by IS NOT NULL)),
    CONSTRAINT release_back CHECK ((state IN ('going_back', 'rolled_back')) = (back_to IS NOT NULL)),
    CONSTRAINT release_reason CHECK (state NOT IN ('going_back', 'rolled_back', 'abandoned') OR reason <> ''),
    CONSTRAINT release_end CHECK ((state IN ('done', 'rolled_back', 'abandoned')) = (ended_at IS NOT NULL))
);
-- One at a time changes a platform.
CREATE UNIQUE INDEX release_under_way ON release (platform_id) WHERE state IN ('deploying', 'verifying', 'going_back');
CREATE INDEX release_open ON release (platform_id) WHERE ended_at IS NULL;

-- A gate that was asked, and what was read after that.
CREATE TABLE release_gate (
    release_id uuid NOT NULL REFERENCES release,
    round integer NOT NULL CHECK (round > 0),
    gate text NOT NULL,
    name text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('before', 'after', 'rollback')),
    position integer NOT NULL,
    -- The gate as its pack had it when it was asked.
    spec jsonb NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by uuid NOT NULL,
    -- Nothing that was seen before counts.
    not_before timestamptz NOT NULL CHECK (not_before >= asked_at),
    outcome text NOT NULL CHECK (outcome IN ('pending', 'pass', 'fail', 'unknown')),
    value text NOT NULL,
    source text NOT NULL,
    seen_at timestamptz,
    settled_at timestamptz,
    overridden_at timestamptz,
    overridden_by uuid,
    overridden_name text,
    override_reason text,
    PRIMARY KEY (release_id, round, gate),
    CONSTRAINT release_gate_settled CHECK ((outcome = 'pending') = (settled_at IS NULL)),
    CONSTRAINT release_gate_fresh CHECK (outcome NOT IN ('pass', 'fail') OR seen_at >= not_before),
    CONSTRAINT release_gate_override CHECK ((overridden_by IS NULL) = (overridden_at IS NULL)
        AND (overridden_by IS NULL OR (outcome IN ('fail', 'unknown') AND override_reason <> ''))),
    CONSTRAINT release_gate_four_eyes CHECK (overridden_by <> asked_by)
);
CREATE INDEX release_gate_pending ON release_gate (release_id) WHERE outcome = 'pending';

-- What happened, in order. Nothing in it is changed.
CREATE TABLE release_event (
    id uuid PRIMARY KEY,
    release_id uuid NOT NULL REFERENCES release,
    at timestamptz NOT NULL,
    by_name text NOT NULL,
    what text NOT NULL,
    note text NOT NULL
);
CREATE INDEX release_event_order ON release_event (release_id, at, id);

-- What a gate answered never changes, and what is over is over.
CREATE FUNCTION release_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.platform_id, NEW.version_from, NEW.version_to, NEW.what, NEW.planned_at, NEW.proposed_by,
            NEW.checklist_run_id)
        IS DISTINCT FROM (OLD.id, OLD.platform_id, OLD.version_from, OLD.version_to, OLD.what, OLD.planned_at,
            OLD.proposed_by, OLD.checklist_run_id)
        OR OLD.ended_at IS NOT NULL
        OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR (OLD.started_by IS NOT NULL AND NEW.started_by IS DISTINCT FROM OLD.started_by)
    THEN
        RAISE EXCEPTION 'a release keeps what was decided' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'release_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER release_is_kept BEFORE UPDATE ON release FOR EACH ROW EXECUTE FUNCTION release_is_kept();

CREATE FUNCTION release_gate_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.release_id, NEW.round, NEW.gate, NEW.stage, NEW.spec, NEW.asked_at, NEW.asked_by, NEW.not_before)
        IS DISTINCT FROM (OLD.release_id, OLD.round, OLD.gate, OLD.stage, OLD.spec, OLD.asked_at, OLD.asked_by,
            OLD.not_before)
        OR (OLD.outcome <> 'pending' AND (NEW.outcome, NEW.value, NEW.seen_at, NEW.settled_at)
            IS DISTINCT FROM (OLD.outcome, OLD.value, OLD.seen_at, OLD.settled_at))
        OR OLD.overridden_by IS NOT NULL
    THEN
        RAISE EXCEPTION 'what a gate answered never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'release_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER release_gate_is_kept BEFORE UPDATE ON release_gate FOR EACH ROW EXECUTE FUNCTION release_gate_is_kept();

GRANT SELECT, INSERT, UPDATE ON release, release_gate TO signalbox_app;
GRANT SELECT, INSERT ON release_event TO signalbox_app;
GRANT SELECT ON release, release_gate, release_event TO signalbox_auditor;
