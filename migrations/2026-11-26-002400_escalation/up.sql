-- How far the telling of an alert has come. Whoever takes a step locks the alert's row and then this one.
CREATE TABLE escalation (
    alert_id uuid PRIMARY KEY REFERENCES alert,
    -- The policies by level, as they were when the alert opened.
    policies jsonb NOT NULL,
    phase text NOT NULL CHECK (phase IN ('running', 'held', 'exhausted', 'over')),
    level text NOT NULL CHECK (level IN ('red', 'yellow', 'blue')),
    begun integer NOT NULL CHECK (begun > 0),
    step integer NOT NULL CHECK (step >= 0),
    round integer NOT NULL CHECK (round BETWEEN 0 AND 5),
    due_at timestamptz,
    told_lately boolean NOT NULL,
    told_in_round boolean NOT NULL,
    held_back boolean NOT NULL,
    opened_at timestamptz NOT NULL
);
CREATE INDEX escalation_open ON escalation (alert_id) WHERE phase <> 'over';

-- Who was told of an alert, who was not, and why: for whoever asks afterwards. Nothing in it is changed.
CREATE TABLE alert_decision (
    id uuid PRIMARY KEY,
    alert_id uuid NOT NULL REFERENCES alert,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('told', 'not_told', 'held_back', 'stopped', 'restarted', 'finished')),
    -- What they were told, or were not: that it fires, that it fires again, that it is over.
    news text NOT NULL CHECK (news IN ('fires', 'again', 'over')),
    who text NOT NULL,
    why text NOT NULL,
    channel text CHECK (channel IN ('email', 'endpoint')),
    address text,
    notice_id uuid,
    CHECK ((kind = 'told') = (channel IS NOT NULL)),
    CHECK ((channel IS NULL) = (address IS NULL)),
    CHECK ((channel IS NULL) = (notice_id IS NULL))
);
CREATE INDEX alert_decision_order ON alert_decision (alert_id, at, id);

-- Who is told next unless somebody has the alert in hand by then.
CREATE TABLE alert_next (
    alert_id uuid PRIMARY KEY REFERENCES alert,
    at timestamptz NOT NULL,
    who text NOT NULL
);

-- Somebody stands in for whoever's turn it is.
CREATE TABLE rota_override (
    id uuid PRIMARY KEY,
    rota_id uuid NOT NULL REFERENCES pack_item,
    contact_id uuid NOT NULL REFERENCES pack_item,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason text NOT NULL CHECK (reason <> ''),
    made_at timestamptz NOT NULL,
    made_by uuid NOT NULL,
    made_name text NOT NULL,
    -- From then on it holds no more; what it was until then stays true.
    cancelled_at timestamptz CHECK (cancelled_at >= made_at),
    cancelled_by uuid,
    cancelled_name text,
    CHECK ((cancelled_at IS NULL) = (cancelled_by IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancelled_name IS NULL))
);
CREATE INDEX rota_override_time ON rota_override (rota_id, ends_at);

GRANT SELECT, INSERT, UPDATE ON escalation TO signalbox_app;
GRANT SELECT, INSERT ON alert_decision TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_next TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON rota_override TO signalbox_app;
GRANT SELECT ON escalation, alert_decision, alert_next, rota_override TO signalbox_auditor;
