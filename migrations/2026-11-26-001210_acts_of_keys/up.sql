-- A program may take an alert in hand. Whoever has it in hand is one: a person, or a key.
ALTER TABLE alert ADD COLUMN acknowledged_by_key text REFERENCES api_key (id);
ALTER TABLE alert DROP CONSTRAINT alert_check1;
ALTER TABLE alert ADD CONSTRAINT alert_acknowledged_by_one CHECK (
    num_nonnulls(acknowledged_by, acknowledged_by_key) = CASE WHEN acknowledged_at IS NULL THEN 0 ELSE 1 END
);

-- Records that a program hands in.
ALTER TABLE intake_batch DROP CONSTRAINT intake_batch_source_check;
ALTER TABLE intake_batch ADD CONSTRAINT intake_batch_source_check CHECK (source IN ('command_line', 'upload', 'api'));
