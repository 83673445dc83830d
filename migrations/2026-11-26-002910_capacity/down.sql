DROP TABLE capacity_day;
