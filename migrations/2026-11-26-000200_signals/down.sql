REVOKE DELETE ON event_report FROM signalbox_app;
DROP INDEX indicator_report_age;
DROP INDEX event_report_age;

DELETE FROM alert_change WHERE kind = 'reported';
ALTER TABLE alert_change DROP CONSTRAINT alert_change_kind_check;
ALTER TABLE alert_change ADD CONSTRAINT alert_change_kind_check
    CHECK (kind IN ('fired', 'moved', 'acknowledged', 'acknowledgement_ended', 'resolved'));

DROP INDEX alert_unseen;
DROP INDEX alert_one_per_rule;
ALTER TABLE alert DROP COLUMN acknowledgement_ended_at;
ALTER TABLE alert DROP COLUMN reading;
ALTER TABLE rule_state DROP COLUMN event_type_id;
ALTER TABLE pack_item DROP COLUMN declared_at;
ALTER TABLE probe_state DROP COLUMN interval_ms;
ALTER TABLE probe_state DROP COLUMN measured_at;
