-- A key may be for wall screens, and then for nothing else.
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK (
    cardinality(scopes) > 0
    AND scopes <@ ARRAY['subjects:write', 'cases:read', 'alerts:read', 'alerts:acknowledge', 'audit:read', 'display']
    AND (scopes = ARRAY['display'] OR NOT 'display' = ANY (scopes))
);

-- Wall screens. A one-time link makes a browser one, for as long as the key behind it lives.
CREATE TABLE display (
    id uuid PRIMARY KEY,
    key_id text NOT NULL REFERENCES api_key (id),
    -- SHA-256 of the link's token, and from its opening on of the screen's own: there is room for one of them.
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    made_at timestamptz NOT NULL,
    opened_at timestamptz,
    last_seen_at timestamptz,
    -- The network, not the address.
    last_seen_from text,
    CHECK (num_nulls(opened_at, last_seen_at, last_seen_from) IN (0, 3))
);
CREATE INDEX display_key ON display (key_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON display TO signalbox_app;
GRANT SELECT (id, key_id, made_at, opened_at, last_seen_at, last_seen_from) ON display TO signalbox_auditor;
