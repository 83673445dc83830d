-- What an alert is about, by name: the labels that make its identity. Its severity is not among them: it moves.
ALTER TABLE alert ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object');
-- What was lit before has its name and its platform. The fingerprint stays that of the moment it lit.
UPDATE alert SET labels = CASE about
    WHEN 'platform' THEN jsonb_strip_nulls(jsonb_build_object('alertname', rule.slug, 'platform', platform.slug,
        'service', (SELECT slug FROM pack_item WHERE pack_item.id = alert.service_id)))
    ELSE jsonb_build_object('alertname', 'rule-cannot-be-evaluated', 'platform', platform.slug, 'rule', rule.slug) END
FROM pack_item AS rule, platform
WHERE rule.id = alert.rule_id AND platform.id = alert.platform_id;

-- An alert that another program hands in has no rule of ours.
ALTER TABLE alert ALTER COLUMN rule_id DROP NOT NULL;
ALTER TABLE alert DROP CONSTRAINT alert_about_check;
ALTER TABLE alert ADD CONSTRAINT alert_about_check CHECK (about IN ('platform', 'rule', 'outside'));
ALTER TABLE alert ADD CONSTRAINT alert_rule_unless_outside CHECK ((about = 'outside') = (rule_id IS NULL));
-- Another program's labels may be any. They never keep a lamp of ours from being lit.
DROP INDEX alert_one_firing;
CREATE UNIQUE INDEX alert_one_firing ON alert (fingerprint) WHERE status = 'firing' AND about <> 'outside';
CREATE UNIQUE INDEX alert_one_firing_outside ON alert (platform_id, fingerprint)
    WHERE status = 'firing' AND about = 'outside';

-- More happens to alerts than one part of the program knows.
ALTER TABLE alert_change DROP CONSTRAINT alert_change_kind_check;
ALTER TABLE alert_change ADD CONSTRAINT alert_change_kind_check CHECK (kind ~ '^[a-z_]{1,40}$');
