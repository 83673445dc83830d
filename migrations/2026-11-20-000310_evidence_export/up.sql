-- Exports of the audit log that somebody asked for on a page. The file itself is in `file`.
CREATE TABLE evidence_export (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    job_id uuid NOT NULL,
    format text NOT NULL CHECK (format IN ('csv', 'ndjson', 'verifiable')),
    filter jsonb NOT NULL,
    asked_at timestamptz NOT NULL,
    finished_at timestamptz,
    file_id uuid,
    events bigint CHECK (events >= 0),
    bytes bigint CHECK (bytes >= 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    CHECK ((finished_at IS NULL) = (file_id IS NULL))
);
CREATE INDEX evidence_export_newest ON evidence_export (id DESC);

-- Who has read what of the log in the last quarter of an hour: reading is recorded once in it.
CREATE TABLE evidence_reading (
    person_id uuid NOT NULL,
    what bytea NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, what)
);

GRANT SELECT, INSERT, UPDATE ON evidence_export TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON evidence_reading TO signalbox_app;
GRANT SELECT ON evidence_export TO signalbox_auditor;
