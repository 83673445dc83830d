DROP TABLE series_step;
DROP TABLE series_point;
DROP TABLE series;
