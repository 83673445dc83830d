-- How a probe stands, and when it runs next. Runs are claimed on this row.
CREATE TABLE probe_state (
    probe_id uuid PRIMARY KEY REFERENCES pack_item,
    state text NOT NULL CHECK (state IN ('up', 'down', 'unknown')),
    since timestamptz NOT NULL,
    failures integer NOT NULL CHECK (failures >= 0),
    successes integer NOT NULL CHECK (successes >= 0),
    due_at timestamptz NOT NULL,
    lease_until timestamptz,
    lease uuid,
    checked_at timestamptz,
    outcome text CHECK (outcome IN ('good', 'failed', 'unknown')),
    error text,
    message text NOT NULL DEFAULT '',
    -- Of the last results that have one, newest first.
    latencies_us bigint[] NOT NULL DEFAULT '{}',
    measures jsonb NOT NULL DEFAULT '{}',
    skipped bigint NOT NULL DEFAULT 0,
    missed bigint NOT NULL DEFAULT 0
);
CREATE INDEX probe_state_due ON probe_state (due_at);

-- The probe log: one row for each run, kept for 48 hours.
CREATE TABLE probe_run (
    probe_id uuid NOT NULL REFERENCES pack_item,
    at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('good', 'failed', 'unknown')),
    error text,
    message text NOT NULL,
    latency_us bigint,
    attempts integer NOT NULL,
    PRIMARY KEY (probe_id, at)
);
CREATE INDEX probe_run_age ON probe_run (at);

CREATE TABLE probe_change (
    probe_id uuid NOT NULL REFERENCES pack_item,
    at timestamptz NOT NULL,
    was text NOT NULL CHECK (was IN ('up', 'down', 'unknown')),
    now text NOT NULL CHECK (now IN ('up', 'down', 'unknown')),
    message text NOT NULL,
    PRIMARY KEY (probe_id, at)
);

-- Counts and latency buckets per minute, hour and day. Roll-ups add buckets, never averages.
CREATE TABLE sample (
    probe_id uuid NOT NULL REFERENCES pack_item,
    span text NOT NULL CHECK (span IN ('minute', 'hour', 'day')),
    at timestamptz NOT NULL,
    good bigint NOT NULL,
    failed bigint NOT NULL,
    unknown bigint NOT NULL,
    buckets bigint[] NOT NULL,
    -- Invented history of the demo, shown as such.
    demo boolean NOT NULL DEFAULT false,
    PRIMARY KEY (probe_id, span, at)
);
CREATE INDEX sample_age ON sample (span, at);

CREATE TABLE indicator_report (
    id uuid PRIMARY KEY,
    indicator_id uuid NOT NULL REFERENCES pack_item,
    at timestamptz NOT NULL,
    value double precision NOT NULL,
    demo boolean NOT NULL DEFAULT false
);
CREATE INDEX indicator_report_last ON indicator_report (indicator_id, at DESC, id DESC);

CREATE TABLE event_report (
    id uuid PRIMARY KEY,
    event_type_id uuid NOT NULL REFERENCES pack_item,
    at timestamptz NOT NULL
);
CREATE INDEX event_report_last ON event_report (event_type_id, at DESC);

-- Counted in the transaction that reports, so that a rule that compares counts misses no event,
-- however late it commits.
CREATE TABLE event_tally (
    event_type_id uuid PRIMARY KEY REFERENCES pack_item,
    reports bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON probe_state TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sample TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON probe_run, probe_change, indicator_report TO signalbox_app;
GRANT SELECT, INSERT ON event_report TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON event_tally TO signalbox_app;
GRANT SELECT ON probe_state, probe_run, probe_change, sample, indicator_report, event_report, event_tally
    TO signalbox_auditor;
