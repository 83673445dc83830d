DELETE FROM alert_change WHERE kind NOT IN ('fired', 'moved', 'reported', 'acknowledged', 'acknowledgement_ended', 'resolved')
    OR alert_id IN (SELECT id FROM alert WHERE about = 'outside');
DELETE FROM alert WHERE about = 'outside';
ALTER TABLE alert_change DROP CONSTRAINT alert_change_kind_check;
ALTER TABLE alert_change ADD CONSTRAINT alert_change_kind_check
    CHECK (kind IN ('fired', 'moved', 'reported', 'acknowledged', 'acknowledgement_ended', 'resolved'));
DROP INDEX alert_one_firing_outside;
DROP INDEX alert_one_firing;
CREATE UNIQUE INDEX alert_one_firing ON alert (fingerprint) WHERE status = 'firing';
ALTER TABLE alert DROP CONSTRAINT alert_rule_unless_outside;
ALTER TABLE alert DROP CONSTRAINT alert_about_check;
ALTER TABLE alert ADD CONSTRAINT alert_about_check CHECK (about IN ('platform', 'rule'));
ALTER TABLE alert ALTER COLUMN rule_id SET NOT NULL;
ALTER TABLE alert DROP COLUMN labels;
