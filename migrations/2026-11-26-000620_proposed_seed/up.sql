-- The authenticator that a session at enrolment was shown. It belongs to that session alone: whoever else knows the
-- password is shown another one, and only the first to be confirmed counts.
ALTER TABLE session ADD COLUMN proposed_seed bytea;
ALTER TABLE session ADD CONSTRAINT proposed_at_enrolment CHECK (proposed_seed IS NULL OR stage = 'enrolment');

COMMENT ON COLUMN session.proposed_seed IS 'Encrypted under the installation''s key, bound to session:proposed_seed:session.';

-- What waited for confirmation had been shown to every session of its person.
DELETE FROM totp WHERE confirmed_at IS NULL;
DELETE FROM session WHERE stage = 'enrolment';
