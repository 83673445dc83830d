DELETE FROM session WHERE method = 'provider';
ALTER TABLE session DROP CONSTRAINT session_method_check;
ALTER TABLE session
    ADD CONSTRAINT session_method_check CHECK (method IN ('totp', 'recovery_code', 'passkey'));
DROP TABLE provider_journey;
DROP TABLE person_identity;
