CREATE TABLE subject (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform (id),
    external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('person', 'company')),
    status text NOT NULL DEFAULT 'not_started' CHECK (status IN
        ('not_started', 'pending', 'in_review', 'approved', 'rejected', 'expired')),
    risk text CHECK (risk IN ('low', 'medium', 'high', 'prohibited')),
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    -- Keyed, so that the content cannot be guessed from it.
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (platform_id, external_id)
);
CREATE INDEX subject_by_platform ON subject (platform_id, id DESC);
CREATE INDEX subject_by_status ON subject (status, id DESC);
CREATE INDEX subject_by_risk ON subject (risk, id DESC);
CREATE INDEX subject_by_external_id ON subject (external_id);

-- Everything personal, in one document under the subject's own key.
CREATE TABLE subject_personal (
    subject_id uuid PRIMARY KEY REFERENCES subject (id) ON DELETE CASCADE,
    ciphertext bytea NOT NULL
);
ALTER TABLE subject_personal ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
ALTER TABLE subject_personal ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_personal FORCE ROW LEVEL SECURITY;
-- Only a transaction that has named its actor or context sees a row.
CREATE POLICY subject_personal_named ON subject_personal
    USING ((SELECT nullif(current_setting('app.actor', true), '')) IS NOT NULL);

-- Keyed hashes of name parts, their sounds, and of numbers and addresses: what search goes over.
CREATE TABLE subject_token (
    token bytea NOT NULL CHECK (octet_length(token) = 16),
    subject_id uuid NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
    PRIMARY KEY (token, subject_id)
);
CREATE INDEX subject_token_owner ON subject_token (subject_id);

-- A person who reads a subject is in the log once in a quarter of an hour, not once a click.
CREATE TABLE subject_reading (
    person_id uuid NOT NULL,
    what bytea NOT NULL CHECK (octet_length(what) = 32),
    read_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, what)
);

GRANT SELECT, INSERT, UPDATE ON subject TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON subject_personal TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON subject_token TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON subject_reading TO signalbox_app;
GRANT SELECT ON subject TO signalbox_auditor;
