DROP TABLE person_role, person;
