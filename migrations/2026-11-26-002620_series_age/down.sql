DROP INDEX series_step_age;
DROP INDEX series_point_age;
