DROP TABLE alert_change, alert, rule_tick, rule_state;
