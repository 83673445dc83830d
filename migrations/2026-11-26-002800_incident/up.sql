-- What went wrong, from when somebody said so until it is closed for good.
CREATE TABLE incident (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    level text NOT NULL CHECK (level IN ('red', 'yellow')),
    was_red boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'mitigated', 'resolved', 'reviewed', 'closed')),
    -- What opened it.
    cause text NOT NULL CHECK (cause IN ('person', 'escalation', 'audit_verification', 'sign_in_storm')),
    -- When the first of its alerts fired, or it was opened: its times are measured from here.
    began_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_name text NOT NULL,
    -- When somebody first had it in hand.
    acknowledged_at timestamptz,
    mitigated_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    commander_id uuid REFERENCES person,
    commander_name text,
    -- When what it opened for was last found again.
    evidence_at timestamptz,
    review_due_at timestamptz,
    CHECK (level <> 'red' OR was_red),
    CHECK (began_at <= opened_at),
    CHECK ((state IN ('resolved', 'reviewed', 'closed')) = (resolved_at IS NOT NULL)),
    CHECK ((state IN ('reviewed', 'closed')) = (closed_at IS NOT NULL)),
    CHECK ((resolved_at IS NULL) = (review_due_at IS NULL)),
    CHECK (resolved_at IS NULL OR acknowledged_at IS NOT NULL),
    CHECK ((commander_id IS NULL) = (commander_name IS NULL)),
    -- One that was ever red is closed by its review alone.
    CONSTRAINT incident_red_is_reviewed CHECK (state <> 'closed' OR NOT was_red)
);
-- What opens by itself is open once for each cause.
CREATE UNIQUE INDEX incident_one_of_a_cause ON incident (cause)
    WHERE cause IN ('audit_verification', 'sign_in_storm') AND state IN ('open', 'mitigated');
CREATE INDEX incident_live ON incident (opened_at DESC, id DESC) WHERE state IN ('open', 'mitigated');
CREATE INDEX incident_over ON incident (opened_at DESC, id DESC) WHERE state NOT IN ('open', 'mitigated');
CREATE INDEX incident_resolved ON incident (resolved_at) WHERE resolved_at IS NOT NULL;

-- Which alerts belong to it, and did.
CREATE TABLE incident_alert (
    id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    alert_id uuid NOT NULL REFERENCES alert,
    attached_at timestamptz NOT NULL,
    attached_name text NOT NULL,
    detached_at timestamptz CHECK (detached_at >= attached_at),
    detached_name text,
    CHECK ((detached_at IS NULL) = (detached_name IS NULL))
);
CREATE UNIQUE INDEX incident_alert_once ON incident_alert (incident_id, alert_id) WHERE detached_at IS NULL;

-- The incident that an alert belongs to, or belonged to last, for whoever looks at the alert. While that is not
-- resolved no other has it.
CREATE TABLE alert_incident (
    alert_id uuid PRIMARY KEY REFERENCES alert,
    incident_id uuid NOT NULL REFERENCES incident,
    title text NOT NULL,
    live boolean NOT NULL
);
CREATE INDEX alert_incident_of ON alert_incident (incident_id);

-- What was done and said, in order. Nothing in it is changed: what was wrong is corrected by another entry.
CREATE TABLE incident_entry (
    id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('opened', 'attached', 'detached', 'evidence', 'update', 'state', 'level', 'command',
        'told', 'step', 'review', 'action')),
    who text NOT NULL CHECK (length(who) BETWEEN 1 AND 200),
    -- Where it comes from: a person, an escalation, the audit log, the door.
    source text NOT NULL CHECK (source IN ('person', 'escalation', 'audit_log', 'sign_in')),
    text text NOT NULL CHECK (length(text) <= 4000),
    -- Whom an update is for: those who mend it, or everybody.
    audience text CHECK (audience IN ('team', 'everybody')),
    corrects uuid REFERENCES incident_entry,
    CHECK ((kind = 'update') = (audience IS NOT NULL)),
    CHECK (corrects IS NULL OR kind = 'update')
);
CREATE INDEX incident_entry_order ON incident_entry (incident_id, at, id);
CREATE UNIQUE INDEX incident_entry_corrected_once ON incident_entry (corrects) WHERE corrects IS NOT NULL;

-- Steps of runbooks, ticked and unticked. The last line of a step says how it stands.
CREATE TABLE incident_step (
    id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    runbook_id uuid NOT NULL REFERENCES pack_item,
    position integer NOT NULL CHECK (position >= 0),
    -- As it was worded then: a step that is worded anew has not been done.
    text text NOT NULL,
    ticked boolean NOT NULL,
    at timestamptz NOT NULL,
    by_id uuid NOT NULL REFERENCES person,
    by_name text NOT NULL
);
CREATE INDEX incident_step_order ON incident_step (incident_id, at, id);

-- What was learned. Signed by whoever answers for it, and approved by somebody else.
CREATE TABLE incident_review (
    incident_id uuid PRIMARY KEY REFERENCES incident,
    summary text NOT NULL CHECK (length(summary) <= 8000),
    cause text NOT NULL CHECK (length(cause) <= 8000),
    went_well text NOT NULL CHECK (length(went_well) <= 8000),
    went_badly text NOT NULL CHECK (length(went_badly) <= 8000),
    saved_at timestamptz NOT NULL,
    saved_by uuid NOT NULL REFERENCES person,
    saved_name text NOT NULL,
    signed_at timestamptz,
    signed_by uuid REFERENCES person,
    signed_name text,
    approved_at timestamptz,
    approved_by uuid REFERENCES person,
    approved_name text,
    CHECK ((signed_at IS NULL) = (signed_by IS NULL)),
    CHECK ((signed_at IS NULL) = (signed_name IS NULL)),
    CHECK ((approved_at IS NULL) = (approved_by IS NULL)),
    CHECK ((approved_at IS NULL) = (approved_name IS NULL)),
    CHECK (approved_at IS NULL OR signed_at IS NOT NULL),
    -- What is signed says something.
    CHECK (signed_at IS NULL OR (summary <> '' AND cause <> '' AND went_well <> '' AND went_badly <> '')),
    CONSTRAINT incident_review_four_eyes CHECK (approved_by <> signed_by AND approved_by <> saved_by)
);

-- What is to be done so that it does not come again.
CREATE TABLE incident_action (
    id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    owner_id uuid NOT NULL REFERENCES person,
    owner_name text NOT NULL,
    -- The last day on which it is in time, where the platform is.
    due date NOT NULL,
    overdue_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    -- What was done, or why it is not.
    outcome text NOT NULL CHECK (length(outcome) <= 1000),
    made_at timestamptz NOT NULL,
    made_name text NOT NULL,
    ended_at timestamptz,
    ended_name text,
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_name IS NULL)),
    CHECK (state <> 'dropped' OR outcome <> '')
);
CREATE INDEX incident_action_of ON incident_action (incident_id, due, id);
CREATE INDEX incident_action_open ON incident_action (overdue_at) WHERE state = 'open';

GRANT SELECT, INSERT, UPDATE ON incident, incident_alert, alert_incident, incident_review, incident_action TO signalbox_app;
GRANT DELETE ON alert_incident TO signalbox_app;
GRANT SELECT, INSERT ON incident_entry, incident_step TO signalbox_app;
GRANT SELECT ON incident, incident_alert, alert_incident, incident_entry, incident_step, incident_review, incident_action
    TO signalbox_auditor;
