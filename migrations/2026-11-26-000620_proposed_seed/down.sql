DELETE FROM session WHERE stage = 'enrolment';
ALTER TABLE session DROP CONSTRAINT proposed_at_enrolment;
ALTER TABLE session DROP COLUMN proposed_seed;
