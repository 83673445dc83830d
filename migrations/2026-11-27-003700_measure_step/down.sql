DROP TABLE measure_step;
