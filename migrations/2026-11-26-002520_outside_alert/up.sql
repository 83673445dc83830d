-- What another program says of an alert that it has handed in.
CREATE TABLE outside_alert (
    alert_id uuid PRIMARY KEY REFERENCES alert,
    annotations jsonb NOT NULL CHECK (jsonb_typeof(annotations) = 'object'),
    generator text NOT NULL,
    -- When it goes out unless it is sent again; nothing where it is only ever put out by word.
    ends_at timestamptz,
    seen_at timestamptz NOT NULL,
    -- The public id of the key that it came with last.
    sent_by text NOT NULL
);
CREATE INDEX outside_alert_ends ON outside_alert (ends_at);

GRANT SELECT, INSERT, UPDATE ON outside_alert TO signalbox_app;
GRANT SELECT ON outside_alert TO signalbox_auditor;
