-- Runbooks that somebody opened in an incident, beside those of its alerts.
CREATE TABLE incident_runbook (
    incident_id uuid NOT NULL REFERENCES incident,
    runbook_id uuid NOT NULL REFERENCES pack_item,
    at timestamptz NOT NULL,
    by_name text NOT NULL CHECK (length(by_name) BETWEEN 1 AND 200),
    PRIMARY KEY (incident_id, runbook_id)
);
GRANT SELECT, INSERT ON incident_runbook TO signalbox_app;
GRANT SELECT ON incident_runbook TO signalbox_auditor;

ALTER TABLE incident_entry DROP CONSTRAINT incident_entry_kind_check,
    ADD CONSTRAINT incident_entry_kind_check CHECK (kind IN ('opened', 'attached', 'detached', 'evidence', 'update', 'state',
        'level', 'command', 'told', 'runbook', 'step', 'review', 'action'));
