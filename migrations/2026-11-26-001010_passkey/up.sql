-- A key pair whose private half never leaves somebody's device. What stands here is the public half, which signs
-- nobody in. The credential is kept as the library writes it.
CREATE TABLE passkey (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    credential_id bytea NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    credential jsonb NOT NULL,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 60),
    made_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX passkey_person ON passkey (person_id);

-- A question that was put to a browser and waits for its signed answer. It is answered once: whoever deletes the row
-- gets to use the answer. At the sign-in page there is no session yet.
CREATE TABLE passkey_ceremony (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    purpose text NOT NULL CHECK (purpose IN ('enrolment', 'sign_in', 'second_factor', 'step_up')),
    session_id uuid REFERENCES session (id) ON DELETE CASCADE,
    state jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT bound_to_its_session CHECK ((purpose = 'sign_in') = (session_id IS NULL))
);
CREATE INDEX passkey_ceremony_expiry ON passkey_ceremony (expires_at);
CREATE INDEX passkey_ceremony_session ON passkey_ceremony (session_id);

ALTER TABLE session DROP CONSTRAINT session_method_check;
ALTER TABLE session
    ADD CONSTRAINT session_method_check CHECK (method IN ('totp', 'recovery_code', 'passkey'));

-- An app can be set up in place of another one, from a whole session.
ALTER TABLE session DROP CONSTRAINT proposed_at_enrolment;
ALTER TABLE session
    ADD CONSTRAINT proposed_to_be_confirmed
    CHECK (proposed_seed IS NULL OR stage IN ('enrolment', 'full'));

GRANT SELECT, INSERT, UPDATE, DELETE ON passkey TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON passkey_ceremony TO signalbox_app;

-- An authenticator can be taken out where another method is left.
GRANT DELETE ON totp TO signalbox_app;
