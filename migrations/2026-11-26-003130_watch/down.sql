DROP TABLE sign_of_life;
