-- Jobs of the platforms that give signs of life. Packs name them.
ALTER TABLE pack_item DROP CONSTRAINT pack_item_kind_check;
ALTER TABLE pack_item ADD CONSTRAINT pack_item_kind_check
    CHECK (kind IN ('service', 'probe', 'indicator', 'event_type', 'heartbeat', 'rule', 'runbook'));

-- How a heartbeat stands. Pings and the look at deadlines both lock this row.
CREATE TABLE heartbeat (
    id uuid PRIMARY KEY REFERENCES pack_item,
    -- What was expected of it when this was written, so that a pack that changes it is seen to have.
    schedule text NOT NULL,
    grace_ms bigint NOT NULL CHECK (grace_ms > 0),
    expected_since timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('new', 'up', 'down', 'failed')),
    since timestamptz NOT NULL,
    -- When a run last ended, well or not; and when anything last came.
    ended_at timestamptz,
    pinged_at timestamptz,
    runs jsonb NOT NULL DEFAULT '[]',
    -- The moment at which it turns unless something comes first.
    deadline timestamptz CHECK (deadline IS NULL OR state IN ('new', 'up')),
    -- The secret of its address: a hash to find it by, and sealed to be shown to whoever sets up the job.
    secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    secret bytea NOT NULL,
    secret_made_at timestamptz NOT NULL
);
CREATE INDEX heartbeat_deadline ON heartbeat (deadline) WHERE deadline IS NOT NULL;

-- The last of what came. What a job had to say may hold anything, so it is sealed.
CREATE TABLE heartbeat_ping (
    id uuid PRIMARY KEY,
    heartbeat_id uuid NOT NULL REFERENCES heartbeat,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('start', 'success', 'fail', 'exit', 'log')),
    exit_code smallint CHECK (exit_code BETWEEN 0 AND 255),
    run uuid,
    took_ms bigint CHECK (took_ms >= 0),
    method text NOT NULL CHECK (method IN ('GET', 'HEAD', 'POST')),
    source text NOT NULL,
    agent text NOT NULL,
    body bytea,
    -- Whether more was sent than is kept.
    cut boolean NOT NULL,
    CHECK ((kind = 'exit') = (exit_code IS NOT NULL))
);
CREATE INDEX heartbeat_ping_last ON heartbeat_ping (heartbeat_id, at DESC, id DESC);

-- The moments that turned one. Each has its event in the log, written with it.
CREATE TABLE heartbeat_turn (
    id uuid PRIMARY KEY,
    heartbeat_id uuid NOT NULL REFERENCES heartbeat,
    -- The moment itself, which is a deadline, and not when somebody noticed.
    at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    was text NOT NULL CHECK (was IN ('new', 'up', 'down', 'failed')),
    now text NOT NULL CHECK (now IN ('up', 'down', 'failed')),
    why text NOT NULL CHECK (why IN ('missed', 'unfinished', 'reported', 'succeeded')),
    CHECK (noticed_at >= at)
);
CREATE INDEX heartbeat_turn_last ON heartbeat_turn (heartbeat_id, at DESC, id DESC);
CREATE INDEX heartbeat_turn_age ON heartbeat_turn (at);

GRANT SELECT, INSERT, UPDATE ON heartbeat TO signalbox_app;
-- The body moves to a newer key when the keys are changed.
GRANT SELECT, INSERT, UPDATE, DELETE ON heartbeat_ping TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON heartbeat_turn TO signalbox_app;
GRANT SELECT (id, schedule, grace_ms, expected_since, changed_at, state, since, ended_at, pinged_at, runs, deadline,
    secret_made_at) ON heartbeat TO signalbox_auditor;
GRANT SELECT (id, heartbeat_id, at, kind, exit_code, run, took_ms, method, source, agent, cut)
    ON heartbeat_ping TO signalbox_auditor;
GRANT SELECT ON heartbeat_turn TO signalbox_auditor;
