-- Whose account an identity of the organisation's own provider signs in. A provider knows somebody by issuer and
-- subject and never takes a subject back; the e-mail address is kept for its owner to recognise and decides nothing.
CREATE TABLE person_identity (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    issuer text NOT NULL CHECK (issuer <> '' AND length(issuer) <= 500),
    subject text NOT NULL CHECK (subject <> '' AND length(subject) <= 255),
    email text CHECK (length(email) <= 254),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT person_identity_once UNIQUE (issuer, subject),
    CONSTRAINT person_identity_one_each UNIQUE (person_id, issuer)
);

-- Somebody who was sent to the provider and has not come back yet, bound to their browser by a cookie, of which the
-- hash stands here. Whoever deletes the row may go on. One that begins in a session is to connect its person: what the
-- provider has said of them then waits, for as long again, for their word.
CREATE TABLE provider_journey (
    state_hash bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
    session_id uuid REFERENCES session (id) ON DELETE CASCADE,
    next text NOT NULL CHECK (next LIKE '/%' AND length(next) <= 2000),
    subject text CHECK (subject <> '' AND length(subject) <= 255),
    email text CHECK (length(email) <= 254),
    expires_at timestamptz NOT NULL,
    CONSTRAINT only_a_session_connects CHECK (subject IS NULL OR session_id IS NOT NULL)
);
CREATE INDEX provider_journey_expiry ON provider_journey (expires_at);
CREATE INDEX provider_journey_session ON provider_journey (session_id);

-- Where the installation trusts the provider with the second factor, a session can begin with nothing else.
ALTER TABLE session DROP CONSTRAINT session_method_check;
ALTER TABLE session
    ADD CONSTRAINT session_method_check CHECK (method IN ('totp', 'recovery_code', 'passkey', 'provider'));

GRANT SELECT, INSERT, DELETE ON person_identity TO signalbox_app;
GRANT UPDATE (last_used_at) ON person_identity TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON provider_journey TO signalbox_app;
