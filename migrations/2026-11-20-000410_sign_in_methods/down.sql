DROP TABLE enrolment_link, recovery_code, totp, password;
