-- How often somebody tried. Keys are keyed hashes, of unknown names too.
CREATE TABLE sign_in_throttle (
    scope text NOT NULL CHECK (scope IN ('pair', 'address', 'account', 'device', 'denial')),
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    recent timestamptz[] NOT NULL DEFAULT '{}',
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    blocked_until timestamptz,
    noted_minute timestamptz,
    touched_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX sign_in_throttle_age ON sign_in_throttle (touched_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_throttle TO signalbox_app;
