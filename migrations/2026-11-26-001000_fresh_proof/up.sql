-- When somebody last proved in this session that it is them. Sensitive acts ask for a proof of the last ten
-- minutes; a recovery code opens a session and is no such proof.
ALTER TABLE session ADD COLUMN proved_at timestamptz;
UPDATE session SET proved_at = created_at WHERE method = 'totp';
ALTER TABLE session
    ADD CONSTRAINT only_whole_sessions_are_proved CHECK (proved_at IS NULL OR stage = 'full');
