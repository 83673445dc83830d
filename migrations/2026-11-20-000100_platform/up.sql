CREATE TABLE platform (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    zone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL
);

COMMENT ON TABLE platform IS 'What we watch; every signal, subject and case belongs to one.';

GRANT SELECT, INSERT, UPDATE ON platform TO signalbox_app;
GRANT SELECT ON platform TO signalbox_auditor;
