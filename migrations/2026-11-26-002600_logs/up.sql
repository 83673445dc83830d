-- The logs that packs name: how each is being read, and what its files and senders said.
CREATE TABLE log_source (
    id uuid PRIMARY KEY REFERENCES pack_item,
    -- Who reads its files now, and until when nobody else does. The token is new with each turn.
    claim uuid,
    claimed_until timestamptz,
    -- When its files were last looked at with success, and why they could not be, if they could not.
    looked_at timestamptz,
    error text,
    -- When a line last came, from a file or from a sender.
    heard_at timestamptz,
    CHECK ((claim IS NULL) = (claimed_until IS NULL))
);

-- How far each file has been read. A file is known by what the file system calls it, so that one which is moved aside is
-- read to its end.
CREATE TABLE log_file (
    source_id uuid NOT NULL REFERENCES log_source,
    device bigint NOT NULL,
    inode bigint NOT NULL,
    path text NOT NULL,
    read_bytes bigint NOT NULL CHECK (read_bytes >= 0),
    -- SHA-256 of its first bytes, and of how many: a file system gives the name of one that is gone to the next.
    head bytea NOT NULL CHECK (octet_length(head) = 32),
    head_bytes bigint NOT NULL CHECK (head_bytes >= 0),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, device, inode)
);

CREATE TABLE log_line (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source_id uuid NOT NULL REFERENCES log_source,
    platform_id uuid NOT NULL REFERENCES platform,
    -- When it was written, as it says itself; when it came, where it says nothing that can be.
    at timestamptz NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 6),
    component text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    latency_ms double precision,
    -- What else stood in it, by name.
    fields jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX log_line_time ON log_line (at, id);
CREATE INDEX log_line_source ON log_line (source_id, at, id);
CREATE INDEX log_line_errors ON log_line (at, id) WHERE level >= 5;
CREATE INDEX log_line_code ON log_line (code, at, id) WHERE code <> '';
CREATE INDEX log_line_latency ON log_line (at, id) WHERE latency_ms IS NOT NULL;

-- How many lines there were, by the minute. Lines beyond what is kept are counted all the same.
CREATE TABLE log_count (
    source_id uuid NOT NULL REFERENCES log_source,
    minute timestamptz NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 6),
    component text NOT NULL,
    code text NOT NULL,
    lines bigint NOT NULL CHECK (lines > 0),
    PRIMARY KEY (source_id, minute, level, component, code)
);
CREATE INDEX log_count_minute ON log_count (minute);

-- What senders called their deliveries, so that one which is sent again is taken once.
CREATE TABLE log_delivery (
    token bytea PRIMARY KEY CHECK (octet_length(token) = 32),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    lines bigint NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX log_delivery_age ON log_delivery (at);

GRANT SELECT, INSERT, UPDATE ON log_source TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON log_file, log_count TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON log_line, log_delivery TO signalbox_app;
GRANT SELECT ON log_source, log_file, log_line, log_count TO signalbox_auditor;
