-- Programs that send events, and what they sign with.
CREATE TABLE event_source (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    secret bytea NOT NULL,
    secret_made_at timestamptz NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    state text NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
    changed_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    known bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    came_at timestamptz,
    refused_at timestamptz,
    refusal text CHECK (length(refusal) <= 300),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
CREATE UNIQUE INDEX event_source_name ON event_source (lower(name)) WHERE state <> 'retired';

-- The messages that were taken, each once. What one says is kept, sealed, where no pack names its type.
CREATE TABLE event_receipt (
    id uuid PRIMARY KEY,
    source_id uuid NOT NULL REFERENCES event_source,
    message_id text NOT NULL CHECK (length(message_id) BETWEEN 1 AND 200),
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9._-]{0,63}$'),
    event_type_id uuid REFERENCES pack_item,
    body bytea,
    UNIQUE (source_id, message_id),
    CHECK ((event_type_id IS NULL) = (body IS NOT NULL))
);
CREATE INDEX event_receipt_last ON event_receipt (source_id, at DESC, id DESC);
CREATE INDEX event_receipt_age ON event_receipt (at);

GRANT SELECT, INSERT, UPDATE ON event_source TO signalbox_app;
-- The body moves to a newer key when the keys are changed.
GRANT SELECT, INSERT, UPDATE, DELETE ON event_receipt TO signalbox_app;
GRANT SELECT (id, platform_id, name, secret_made_at, previous_until, state, changed_at, made_at, made_by, known, unknown,
    repeated, refused, came_at, refused_at, refusal) ON event_source TO signalbox_auditor;
GRANT SELECT (id, source_id, message_id, at, kind, event_type_id) ON event_receipt TO signalbox_auditor;
