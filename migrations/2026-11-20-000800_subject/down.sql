DROP TABLE subject_reading;
DROP TABLE subject_token;
DROP TABLE subject_personal;
DROP TABLE subject;
