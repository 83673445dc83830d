-- The pack that a platform runs on. What it said before stands in the audit log.
CREATE TABLE pack (
    platform_id uuid PRIMARY KEY REFERENCES platform,
    version text NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    parameters jsonb NOT NULL,
    accepted jsonb NOT NULL
);

COMMENT ON COLUMN pack.parameters IS 'Names, and whether this installation gave a value. Never the values.';

-- Everything that packs define, with its parameters in place. Rows are retired, never deleted,
-- because samples and alerts refer to them.
CREATE TABLE pack_item (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    kind text NOT NULL CHECK (kind IN ('service', 'probe', 'indicator', 'event_type', 'rule', 'runbook')),
    slug text NOT NULL,
    name text NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    spec jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    retired_at timestamptz,
    UNIQUE (platform_id, kind, slug)
);
CREATE INDEX pack_item_live ON pack_item (kind, platform_id, position) WHERE retired_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON pack, pack_item TO signalbox_app;
GRANT SELECT ON pack, pack_item TO signalbox_auditor;
