CREATE TABLE intake_batch (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform (id),
    source text NOT NULL CHECK (source IN ('command_line', 'upload')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    -- Sealed: people put names of people into names of files.
    name bytea NOT NULL,
    -- Unknown until the end where the file comes through a pipe.
    sha256 bytea CHECK (octet_length(sha256) = 32),
    file_id uuid REFERENCES file (id) ON DELETE SET NULL,
    ignore_unknown boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'reading', 'done', 'refused', 'cancelled')),
    -- Why it was refused, in words for the person who has to mend it.
    refusal text,
    -- Rises whenever somebody starts or resumes reading: an earlier reader changes nothing more.
    reader integer NOT NULL DEFAULT 0 CHECK (reader >= 0),
    -- The first row as it stands in the file, sealed, for the download of rejected rows.
    header bytea,
    chunks integer NOT NULL DEFAULT 0 CHECK (chunks >= 0),
    -- The last row that has been dealt with; resuming goes on after it.
    rows_read bigint NOT NULL DEFAULT 0 CHECK (rows_read >= 0),
    lines_read bigint NOT NULL DEFAULT 0 CHECK (lines_read >= 0),
    lines_total bigint CHECK (lines_total >= 0),
    added bigint NOT NULL DEFAULT 0 CHECK (added >= 0),
    changed bigint NOT NULL DEFAULT 0 CHECK (changed >= 0),
    unchanged bigint NOT NULL DEFAULT 0 CHECK (unchanged >= 0),
    rejected bigint NOT NULL DEFAULT 0 CHECK (rejected >= 0),
    started_at timestamptz,
    finished_at timestamptz,
    CHECK ((state IN ('done', 'refused', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK ((state = 'refused') = (refusal IS NOT NULL))
);
-- The same file is taken in once. One that was refused or cancelled may come again.
CREATE UNIQUE INDEX intake_batch_file ON intake_batch (platform_id, sha256)
    WHERE state IN ('waiting', 'reading', 'done');

-- Which row of which batch said what about whom. It also finds a subject that stands twice in a
-- file, however large the file is and however often its reading is resumed.
CREATE TABLE intake_record (
    batch_id uuid NOT NULL REFERENCES intake_batch (id),
    external_id text NOT NULL,
    row_number bigint NOT NULL CHECK (row_number > 0),
    subject_id uuid NOT NULL REFERENCES subject (id),
    outcome text NOT NULL CHECK (outcome IN ('added', 'changed', 'unchanged')),
    PRIMARY KEY (batch_id, external_id)
);
CREATE INDEX intake_record_subject ON intake_record (subject_id);

-- Rows that were not taken in. Nothing is lost: the row itself is kept, sealed.
CREATE TABLE intake_rejection (
    batch_id uuid NOT NULL REFERENCES intake_batch (id),
    row_number bigint NOT NULL CHECK (row_number > 0),
    line_number bigint NOT NULL CHECK (line_number > 0),
    -- [{"column": …, "message": …}]: columns and reasons, never values.
    problems jsonb NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (batch_id, row_number)
);

GRANT SELECT, INSERT, UPDATE ON intake_batch TO signalbox_app;
GRANT SELECT, INSERT ON intake_record TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON intake_rejection TO signalbox_app;
GRANT SELECT ON intake_batch, intake_record TO signalbox_auditor;
GRANT SELECT (batch_id, row_number, line_number, problems) ON intake_rejection TO signalbox_auditor;
