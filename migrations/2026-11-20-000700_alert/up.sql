-- What is known about a rule between two ticks.
CREATE TABLE rule_state (
    rule_id uuid PRIMARY KEY REFERENCES pack_item,
    red_at timestamptz,
    yellow_at timestamptz,
    blue_at timestamptz,
    no_data_since timestamptz,
    cleared_at timestamptz,
    events_seen bigint NOT NULL DEFAULT 0,
    -- Why the rule could not be evaluated, if it could not.
    error text
);

-- One row: when rules were last evaluated, so that a pause does not count as lasting.
CREATE TABLE rule_tick (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at timestamptz NOT NULL
);

CREATE TABLE alert (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    rule_id uuid NOT NULL REFERENCES pack_item,
    service_id uuid REFERENCES pack_item,
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
    -- An alert about the platform, or about a rule that cannot be evaluated.
    about text NOT NULL CHECK (about IN ('platform', 'rule')),
    status text NOT NULL CHECK (status IN ('firing', 'resolved')),
    level text NOT NULL CHECK (level IN ('red', 'yellow', 'blue')),
    name text NOT NULL,
    summary text NOT NULL,
    active_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    -- When it last rose to its level: the clock to acknowledge runs from here.
    level_at timestamptz NOT NULL,
    was_red boolean NOT NULL,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_until timestamptz,
    acknowledged_by uuid,
    acknowledged_name text,
    acknowledged_note text,
    CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_until IS NULL)),
    CHECK (acknowledged_until <= acknowledged_at + interval '8 hours')
);
-- One lamp for one thing, however many evaluate at once.
CREATE UNIQUE INDEX alert_one_firing ON alert (fingerprint) WHERE status = 'firing';
-- Open: firing, or a red one that has stopped and that nobody has acknowledged.
CREATE INDEX alert_open ON alert (level, level_at) WHERE status = 'firing' OR (was_red AND acknowledged_at IS NULL);
CREATE INDEX alert_closed ON alert (resolved_at DESC, id DESC) WHERE status = 'resolved';
CREATE INDEX alert_service ON alert (service_id, fired_at DESC);
CREATE INDEX alert_rule ON alert (rule_id, fired_at DESC);

-- What happened to an alert, in order.
CREATE TABLE alert_change (
    id uuid PRIMARY KEY,
    alert_id uuid NOT NULL REFERENCES alert,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fired', 'moved', 'acknowledged', 'acknowledgement_ended', 'resolved')),
    level text NOT NULL CHECK (level IN ('red', 'yellow', 'blue')),
    who text NOT NULL,
    text text NOT NULL
);
CREATE INDEX alert_change_order ON alert_change (alert_id, at, id);

GRANT SELECT, INSERT, UPDATE ON rule_state, rule_tick, alert TO signalbox_app;
GRANT SELECT, INSERT ON alert_change TO signalbox_app;
GRANT SELECT ON rule_state, rule_tick, alert, alert_change TO signalbox_auditor;
