DROP TABLE rota_override;
DROP TABLE alert_next;
DROP TABLE alert_decision;
DROP TABLE escalation;
