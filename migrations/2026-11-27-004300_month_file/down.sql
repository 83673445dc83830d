DROP TABLE slo_month_file;
