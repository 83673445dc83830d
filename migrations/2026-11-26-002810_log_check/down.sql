DROP TABLE log_check;
