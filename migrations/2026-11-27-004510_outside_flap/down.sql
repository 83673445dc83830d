DROP TABLE outside_flap;
