UPDATE intake_batch SET source = 'upload' WHERE source = 'api';
ALTER TABLE intake_batch DROP CONSTRAINT intake_batch_source_check;
ALTER TABLE intake_batch ADD CONSTRAINT intake_batch_source_check CHECK (source IN ('command_line', 'upload'));

UPDATE alert SET acknowledged_at = NULL, acknowledged_until = NULL, acknowledged_name = NULL, acknowledged_note = NULL,
    acknowledged_by_key = NULL, acknowledgement_ended_at = NULL
    WHERE acknowledged_by_key IS NOT NULL;
ALTER TABLE alert DROP CONSTRAINT alert_acknowledged_by_one;
ALTER TABLE alert ADD CONSTRAINT alert_check1 CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL));
ALTER TABLE alert DROP COLUMN acknowledged_by_key;
