-- What programs come with. The key itself is shown once and kept nowhere: only the SHA-256 of its secret is here.
CREATE TABLE api_key (
    -- Public: it stands in the key, in the log and on pages.
    id text PRIMARY KEY CHECK (id ~ '^[a-z2-7]{12}$'),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- A closed list: none of these approves or decides anything.
    scopes text[] NOT NULL CHECK (
        cardinality(scopes) > 0
        AND scopes <@ ARRAY['subjects:write', 'cases:read', 'alerts:read', 'alerts:acknowledge', 'audit:read']
    ),
    -- Where it may be used from; none means anywhere.
    networks text[] NOT NULL CHECK (cardinality(networks) <= 20),
    -- Apart from the list, so that a list that has become empty reaches nothing rather than everything.
    limited boolean NOT NULL,
    secret bytea NOT NULL CHECK (octet_length(secret) = 32),
    secret_made_at timestamptz NOT NULL,
    -- After a rotation the secret before this one opens for a while too. There is room for one, so at most two do.
    previous_secret bytea CHECK (octet_length(previous_secret) = 32),
    previous_ends_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    last_used_at timestamptz,
    last_used_from text,
    -- When it was last put into the log that the key reads the log.
    log_read_at timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_ends_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK ((last_used_at IS NULL) = (last_used_from IS NULL)),
    -- A year, and a day for summer time.
    CHECK (expires_at > secret_made_at AND expires_at <= secret_made_at + interval '366 days')
);
CREATE INDEX api_key_newest ON api_key (created_at DESC, id);

CREATE TABLE api_key_platform (
    key_id text NOT NULL REFERENCES api_key (id),
    platform_id uuid NOT NULL REFERENCES platform (id),
    PRIMARY KEY (key_id, platform_id)
);

-- A key is never removed: the log speaks of it.
GRANT SELECT, INSERT, UPDATE ON api_key TO signalbox_app;
GRANT SELECT, INSERT ON api_key_platform TO signalbox_app;
GRANT SELECT (id, name, scopes, networks, limited, secret_made_at, previous_ends_at, created_by, created_at, expires_at,
    revoked_at, revoked_by, last_used_at, last_used_from, log_read_at) ON api_key TO signalbox_auditor;
GRANT SELECT ON api_key_platform TO signalbox_auditor;
