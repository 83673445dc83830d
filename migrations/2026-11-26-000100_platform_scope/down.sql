DROP INDEX review_case_waiting;
ALTER TABLE session DROP COLUMN platform_id;
DROP TABLE person_role_platform;
ALTER TABLE person_role DROP COLUMN limited;
