-- A runbook that was opened is told as a step of it.
UPDATE incident_entry SET kind = 'step' WHERE kind = 'runbook';
ALTER TABLE incident_entry DROP CONSTRAINT incident_entry_kind_check,
    ADD CONSTRAINT incident_entry_kind_check CHECK (kind IN ('opened', 'attached', 'detached', 'evidence', 'update', 'state',
        'level', 'command', 'told', 'step', 'review', 'action'));
DROP TABLE incident_runbook;
