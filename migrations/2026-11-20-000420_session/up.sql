-- Only the hash of a session's token stands here, so a copy of the database signs nobody in. A
-- session that has run out stays for a while: a form posted from it can be kept for its owner.
CREATE TABLE session (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    person_id uuid NOT NULL REFERENCES person (id),
    stage text NOT NULL CHECK (stage IN ('second_factor', 'enrolment', 'full')),
    method text CHECK (method IN ('totp', 'recovery_code')),
    address text NOT NULL,
    user_agent text NOT NULL CHECK (length(user_agent) <= 300),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    CHECK ((stage = 'full') = (method IS NOT NULL))
);
CREATE INDEX session_person ON session (person_id, last_seen_at);

-- A device that has signed in to an account before: strangers' failed tries do not lock it out.
CREATE TABLE known_device (
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    person_id uuid NOT NULL REFERENCES person (id),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (token_hash, person_id)
);
CREATE INDEX known_device_person ON known_device (person_id);

-- What somebody had typed when the session ran out, for that person only.
CREATE TABLE parked_form (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    path text NOT NULL CHECK (path LIKE '/%' AND length(path) <= 2000),
    fields bytea NOT NULL,
    parked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX parked_form_person ON parked_form (person_id);

COMMENT ON COLUMN parked_form.fields IS 'Encrypted under the installation''s key, bound to parked_form:fields:id:person.';

GRANT SELECT, INSERT, UPDATE, DELETE ON session TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON known_device TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON parked_form TO signalbox_app;
