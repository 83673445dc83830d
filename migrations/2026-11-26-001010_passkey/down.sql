REVOKE DELETE ON totp FROM signalbox_app;
DELETE FROM session WHERE method = 'passkey';
ALTER TABLE session DROP CONSTRAINT session_method_check;
ALTER TABLE session ADD CONSTRAINT session_method_check CHECK (method IN ('totp', 'recovery_code'));
UPDATE session SET proposed_seed = NULL WHERE stage = 'full';
ALTER TABLE session DROP CONSTRAINT proposed_to_be_confirmed;
ALTER TABLE session
    ADD CONSTRAINT proposed_at_enrolment CHECK (proposed_seed IS NULL OR stage = 'enrolment');
DROP TABLE passkey_ceremony;
DROP TABLE passkey;
