DROP TABLE incident_action;
DROP TABLE incident_review;
DROP TABLE incident_step;
DROP TABLE incident_entry;
DROP TABLE alert_incident;
DROP TABLE incident_alert;
DROP TABLE incident;
