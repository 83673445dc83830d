CREATE TABLE job_schedule (
    name text PRIMARY KEY,
    -- The slot up to which everything has been dealt with; it only moves forward.
    last_slot timestamptz NOT NULL
);

CREATE TABLE job (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    -- Ids and numbers; a job's payload never holds personal data.
    payload jsonb NOT NULL,
    key text,
    run_at timestamptz NOT NULL,
    enqueued_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'discarded', 'cancelled')),
    attempt smallint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- Rises with every claim: whoever holds an older number has lost the job.
    fence bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
    lease_until timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    progress_done bigint NOT NULL DEFAULT 0 CHECK (progress_done >= 0),
    progress_total bigint CHECK (progress_total >= 0),
    started_at timestamptz,
    finished_at timestamptz,
    last_error text CHECK (length(last_error) <= 2000),
    -- A local path: where to look at what came of it.
    result text CHECK (result LIKE '/%'),
    schedule text REFERENCES job_schedule (name),
    slot timestamptz,
    CHECK ((schedule IS NULL) = (slot IS NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'discarded', 'cancelled')) = (finished_at IS NOT NULL))
);

CREATE UNIQUE INDEX job_open_key ON job (kind, key)
    WHERE key IS NOT NULL AND state IN ('waiting', 'running');
CREATE UNIQUE INDEX job_slot ON job (schedule, slot) WHERE schedule IS NOT NULL;
CREATE INDEX job_due ON job (run_at, id) WHERE state = 'waiting';
CREATE INDEX job_running ON job (kind) WHERE state = 'running';
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON job TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON job_schedule TO signalbox_app;
GRANT SELECT ON job, job_schedule TO signalbox_auditor;
