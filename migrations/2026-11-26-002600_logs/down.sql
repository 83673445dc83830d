DROP TABLE log_delivery;
DROP TABLE log_count;
DROP TABLE log_line;
DROP TABLE log_file;
DROP TABLE log_source;
