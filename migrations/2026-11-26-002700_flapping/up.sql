-- What comes and goes is held lit: when it last came and went, since when it is held, and whether it is there at present.
ALTER TABLE rule_state ADD COLUMN flap_turns timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(flap_turns) <= 1000);
ALTER TABLE rule_state ADD COLUMN flap_held_since timestamptz;
ALTER TABLE rule_state ADD COLUMN flap_on boolean;
ALTER TABLE rule_state ADD CONSTRAINT rule_state_flap_whole CHECK ((flap_held_since IS NULL) = (flap_on IS NULL));

-- Since when a lit alert is held lit, for whoever looks at it.
ALTER TABLE alert ADD COLUMN flapping_since timestamptz;
ALTER TABLE alert ADD CONSTRAINT alert_flapping_lit CHECK (flapping_since IS NULL OR status = 'firing');

-- Since when it comes and goes, of which whoever was told was told: once each time that it begins to.
ALTER TABLE escalation ADD COLUMN flap_told timestamptz;
ALTER TABLE alert_decision DROP CONSTRAINT alert_decision_news_check;
ALTER TABLE alert_decision ADD CONSTRAINT alert_decision_news_check CHECK (news IN ('fires', 'again', 'over', 'flaps', 'still'));
