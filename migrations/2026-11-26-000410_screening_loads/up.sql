-- What a version was read from, one SHA-256 for each file, and what was odd about it.
ALTER TABLE screening_list ADD COLUMN files jsonb NOT NULL DEFAULT '[]';
ALTER TABLE screening_list ADD COLUMN notes jsonb NOT NULL DEFAULT '[]';
-- Why a version that is much shorter than the one before was put in place all the same.
ALTER TABLE screening_list ADD COLUMN drop_accepted text;

-- The same files were published again later: the version still holds.
CREATE TABLE screening_confirmation (
    source text NOT NULL,
    version integer NOT NULL,
    published date NOT NULL,
    confirmed_at timestamptz NOT NULL,
    confirmed_by text NOT NULL,
    PRIMARY KEY (source, version, published),
    FOREIGN KEY (source, version) REFERENCES screening_list (source, version)
);

-- Lists that somebody uploaded. The files themselves are in `file`.
CREATE TABLE screening_load (
    id uuid PRIMARY KEY,
    format text NOT NULL CHECK (format IN ('ofac', 'plain')),
    source text NOT NULL CHECK (source ~ '^[a-z][a-z0-9-]{0,30}$'),
    published date NOT NULL,
    accept_drop text,
    -- [{"name": "sdn", "file": id, "sha256": hex, "bytes": n}]
    files jsonb NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'loaded', 'confirmed', 'unchanged', 'refused')),
    refusal text,
    -- Counts and notes, as the page shows them.
    result jsonb,
    finished_at timestamptz,
    CHECK ((state = 'waiting') = (finished_at IS NULL)),
    CHECK ((state = 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX screening_load_newest ON screening_load (id DESC);

-- From which share of vanished entries on a list is taken for a broken download.
SELECT install_policy('screening.lists', '{"accept_drop_percent": 20}');

GRANT SELECT, INSERT ON screening_confirmation TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON screening_load TO signalbox_app;
GRANT SELECT ON screening_confirmation, screening_load TO signalbox_auditor;
