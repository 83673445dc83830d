-- A circuit breaker for each operation of whatever we call. All of its state is here, so that replicas and restarts agree.
CREATE TABLE breaker (
    id uuid PRIMARY KEY,
    -- Whose it is; nobody's where it stands before a way out of our own.
    platform_id uuid REFERENCES platform,
    connector_id uuid REFERENCES pack_item,
    dependency text NOT NULL CHECK (length(dependency) BETWEEN 1 AND 200),
    operation text NOT NULL CHECK (length(operation) BETWEEN 1 AND 64),
    -- What people call it, where no pack does.
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    made_at timestamptz NOT NULL,
    retired_at timestamptz,
    state text NOT NULL CHECK (state IN ('closed', 'open', 'half_open', 'disabled', 'forced_open')),
    since timestamptz NOT NULL,
    -- The last results while it was closed, oldest first: g for an answer, f for a failure.
    recent text NOT NULL CHECK (recent ~ '^[gf]{0,10}$'),
    passed integer NOT NULL CHECK (passed >= 0),
    openings integer NOT NULL CHECK (openings >= 0),
    retry_at timestamptz,
    trial uuid,
    trial_until timestamptz,
    ends_at timestamptz,
    wait_until timestamptz,
    failing_since timestamptz,
    -- What became of all calls ever.
    answered bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    limited bigint NOT NULL DEFAULT 0,
    short_circuited bigint NOT NULL DEFAULT 0,
    called_at timestamptz,
    -- When the clock asks next; a way out of our own is called when there is something to send.
    due_at timestamptz,
    UNIQUE (dependency, operation),
    CHECK ((platform_id IS NULL) = (connector_id IS NULL)),
    CHECK (due_at IS NULL OR connector_id IS NOT NULL),
    CHECK ((state = 'open') = (retry_at IS NOT NULL)),
    CHECK ((trial IS NULL) = (trial_until IS NULL)),
    CHECK (trial IS NULL OR state = 'half_open'),
    CHECK ((state = 'disabled') = (ends_at IS NOT NULL))
);
CREATE INDEX breaker_connector ON breaker (connector_id) WHERE connector_id IS NOT NULL;
CREATE INDEX breaker_due ON breaker (due_at) WHERE due_at IS NOT NULL;

-- Somebody wants every call to go out, whatever comes of it: that takes a second person.
CREATE TABLE breaker_proposal (
    id uuid PRIMARY KEY,
    breaker_id uuid NOT NULL REFERENCES breaker,
    reason text NOT NULL CHECK (reason <> '' AND length(reason) <= 1000),
    ends_at timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by uuid NOT NULL REFERENCES person,
    asked_name text NOT NULL,
    answer text CHECK (answer IN ('approved', 'refused')),
    answered_at timestamptz,
    answered_by uuid REFERENCES person,
    answered_name text,
    CONSTRAINT breaker_proposal_end CHECK (ends_at > asked_at AND ends_at <= asked_at + interval '7 days'),
    CONSTRAINT breaker_proposal_answer CHECK ((answer IS NULL) = (answered_at IS NULL)
        AND (answer IS NULL) = (answered_by IS NULL)),
    -- Whoever asked may take it back, and never agree.
    CONSTRAINT breaker_proposal_four_eyes CHECK (answer <> 'approved' OR answered_by <> asked_by)
);
CREATE UNIQUE INDEX breaker_proposal_open ON breaker_proposal (breaker_id) WHERE answer IS NULL;

-- What was asked for never changes, and it is answered once.
CREATE FUNCTION breaker_proposal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answer IS NOT NULL
        OR (NEW.id, NEW.breaker_id, NEW.reason, NEW.ends_at, NEW.asked_at, NEW.asked_by)
        IS DISTINCT FROM (OLD.id, OLD.breaker_id, OLD.reason, OLD.ends_at, OLD.asked_at, OLD.asked_by)
    THEN
        RAISE EXCEPTION 'a proposal is answered once and never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'breaker_proposal_kept';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER breaker_proposal_is_kept BEFORE UPDATE ON breaker_proposal
    FOR EACH ROW EXECUTE FUNCTION breaker_proposal_is_kept();

-- Every change of state, with its reason. Rows are added and never changed.
CREATE TABLE breaker_turn (
    id uuid PRIMARY KEY,
    breaker_id uuid NOT NULL REFERENCES breaker,
    at timestamptz NOT NULL,
    was text NOT NULL CHECK (was IN ('closed', 'open', 'half_open', 'disabled', 'forced_open')),
    now text NOT NULL CHECK (now IN ('closed', 'open', 'half_open', 'disabled', 'forced_open')),
    why text NOT NULL CHECK (why IN ('failures', 'share', 'due', 'trials_passed', 'trial_failed', 'trial_lost', 'ended',
        'forced', 'reset', 'agreed')),
    by_person uuid REFERENCES person,
    by_name text,
    reason text CHECK (reason <> ''),
    proposal_id uuid REFERENCES breaker_proposal,
    -- Whoever forces it says why, and nobody disables one without the proposal that another has approved.
    CONSTRAINT breaker_turn_reason CHECK (why NOT IN ('forced', 'reset', 'agreed')
        OR (by_person IS NOT NULL AND reason IS NOT NULL)),
    CONSTRAINT breaker_turn_agreed CHECK ((now = 'disabled') = (proposal_id IS NOT NULL))
);
CREATE INDEX breaker_turn_last ON breaker_turn (breaker_id, at DESC, id DESC);

-- The last calls.
CREATE TABLE breaker_call (
    id uuid PRIMARY KEY,
    breaker_id uuid NOT NULL REFERENCES breaker,
    at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('answered', 'failed', 'limited', 'nothing')),
    answer text NOT NULL CHECK (length(answer) <= 300),
    took_ms bigint NOT NULL CHECK (took_ms >= 0),
    -- Seconds that it asked us to wait.
    wait_secs bigint CHECK (wait_secs >= 0),
    trial boolean NOT NULL
);
CREATE INDEX breaker_call_last ON breaker_call (breaker_id, at DESC, id DESC);
CREATE INDEX breaker_call_age ON breaker_call (at);

GRANT SELECT, INSERT, UPDATE ON breaker, breaker_proposal TO signalbox_app;
GRANT SELECT, INSERT ON breaker_turn TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON breaker_call TO signalbox_app;
GRANT SELECT ON breaker, breaker_proposal, breaker_turn, breaker_call TO signalbox_auditor;
