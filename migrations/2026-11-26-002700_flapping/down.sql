ALTER TABLE alert_decision DROP CONSTRAINT alert_decision_news_check;
ALTER TABLE alert_decision ADD CONSTRAINT alert_decision_news_check CHECK (news IN ('fires', 'again', 'over')) NOT VALID;
ALTER TABLE escalation DROP COLUMN flap_told;
ALTER TABLE alert DROP COLUMN flapping_since;
ALTER TABLE rule_state DROP COLUMN flap_turns, DROP COLUMN flap_held_since, DROP COLUMN flap_on;
