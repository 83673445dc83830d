CREATE TABLE password (
    person_id uuid PRIMARY KEY REFERENCES person (id),
    hash text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    changed_at timestamptz NOT NULL
);

-- The authenticator app. last_step is the newest time step whose code was accepted: a code counts
-- once, because only a greater step can be written.
CREATE TABLE totp (
    person_id uuid PRIMARY KEY REFERENCES person (id),
    seed bytea NOT NULL,
    last_step bigint NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL,
    confirmed_at timestamptz
);

COMMENT ON COLUMN totp.seed IS 'Encrypted under the installation''s key, bound to totp:seed:person.';

CREATE TABLE recovery_code (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    person_id uuid NOT NULL REFERENCES person (id),
    made_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX recovery_code_person ON recovery_code (person_id);

-- The one way to a first password.
CREATE TABLE enrolment_link (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    person_id uuid NOT NULL REFERENCES person (id),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX enrolment_link_person ON enrolment_link (person_id);

GRANT SELECT, INSERT, UPDATE ON password, totp, recovery_code, enrolment_link TO signalbox_app;
GRANT DELETE ON recovery_code, enrolment_link TO signalbox_app;
