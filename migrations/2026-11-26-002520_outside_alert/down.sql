DROP TABLE outside_alert;
