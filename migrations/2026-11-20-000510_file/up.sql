CREATE TABLE file (
    id uuid PRIMARY KEY,
    purpose text NOT NULL,
    -- The name it came under, sealed: people put names of people into names of files.
    name bytea NOT NULL,
    content_type text,
    -- The file's own key, wrapped by the installation's.
    wrapped bytea NOT NULL,
    byte_count bigint CHECK (byte_count >= 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    state text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'complete')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (state = 'writing'
        OR (byte_count IS NOT NULL AND sha256 IS NOT NULL AND content_type IS NOT NULL))
);
CREATE INDEX file_expiry ON file (expires_at);

CREATE TABLE file_chunk (
    file_id uuid NOT NULL REFERENCES file (id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position >= 0),
    ciphertext bytea NOT NULL,
    PRIMARY KEY (file_id, position)
);
-- Ciphertext does not compress; trying to would only cost time.
ALTER TABLE file_chunk ALTER COLUMN ciphertext SET STORAGE EXTERNAL;

GRANT SELECT, INSERT, UPDATE, DELETE ON file TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON file_chunk TO signalbox_app;
GRANT SELECT (id, purpose, content_type, byte_count, sha256, state, created_by, created_at, expires_at)
    ON file TO signalbox_auditor;
