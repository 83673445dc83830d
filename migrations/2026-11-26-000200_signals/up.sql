-- Figures are as old as the run that read them, not as the last run, which may have read none. The interval
-- stands beside the next run, so that a pack that changes it is seen to have.
ALTER TABLE probe_state ADD COLUMN measured_at timestamptz;
ALTER TABLE probe_state ADD COLUMN interval_ms bigint;
UPDATE probe_state SET measured_at = checked_at WHERE outcome = 'good';

-- Since when a definition is in force: where nothing was ever reported, lateness counts from here.
ALTER TABLE pack_item ADD COLUMN declared_at timestamptz;
UPDATE pack_item SET declared_at = changed_at;
ALTER TABLE pack_item ALTER COLUMN declared_at SET NOT NULL;

-- Whose reports `events_seen` counts: a rule that is pointed at another type of event counts anew.
ALTER TABLE rule_state ADD COLUMN event_type_id uuid;
UPDATE rule_state SET event_type_id = event_type.id
FROM pack_item AS rule
JOIN pack_item AS event_type ON event_type.platform_id = rule.platform_id
    AND event_type.kind = 'event_type' AND event_type.slug = rule.spec -> 'on' ->> 'event'
WHERE rule.id = rule_state.rule_id;

-- What is read while an alert is lit, and when an acknowledgement was noted to have run out.
ALTER TABLE alert ADD COLUMN reading text NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN acknowledgement_ended_at timestamptz;
ALTER TABLE alert ADD CHECK (acknowledgement_ended_at IS NULL OR acknowledged_at IS NOT NULL);
CREATE UNIQUE INDEX alert_one_per_rule ON alert (rule_id, about) WHERE status = 'firing';
-- A red one that nobody has seen lights up again rather than beside itself.
CREATE INDEX alert_unseen ON alert (fingerprint, resolved_at DESC)
    WHERE status = 'resolved' AND was_red AND acknowledged_at IS NULL;

ALTER TABLE alert_change DROP CONSTRAINT alert_change_kind_check;
ALTER TABLE alert_change ADD CONSTRAINT alert_change_kind_check
    CHECK (kind IN ('fired', 'moved', 'reported', 'acknowledged', 'acknowledgement_ended', 'resolved'));

CREATE INDEX event_report_age ON event_report (at);
CREATE INDEX indicator_report_age ON indicator_report (at);
GRANT DELETE ON event_report TO signalbox_app;
