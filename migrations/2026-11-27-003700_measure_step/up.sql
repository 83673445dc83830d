-- What probes read, in steps of five minutes for 30 days, so that a rule on it can be held against what was. There is no
-- average.
CREATE TABLE measure_step (
    probe_id uuid NOT NULL REFERENCES pack_item,
    name text NOT NULL,
    at timestamptz NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    last double precision NOT NULL,
    PRIMARY KEY (probe_id, name, at)
);
CREATE INDEX measure_step_age ON measure_step (at);

GRANT SELECT, INSERT, UPDATE, DELETE ON measure_step TO signalbox_app;
GRANT SELECT ON measure_step TO signalbox_auditor;
