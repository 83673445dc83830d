-- Where notices go besides mailboxes: addresses that administrators typed.
CREATE TABLE notice_endpoint (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    kind text NOT NULL CHECK (kind IN ('standard', 'slack')),
    -- For people. The whole address may be a secret of itself, so it stands sealed beside it.
    host text NOT NULL CHECK (length(host) BETWEEN 1 AND 260),
    url bytea NOT NULL,
    -- What signatures are made with; the one before it signs too until its end.
    secret bytea,
    secret_made_at timestamptz,
    previous_secret bytea,
    previous_until timestamptz,
    state text NOT NULL CHECK (state IN ('active', 'paused', 'disabled', 'retired')),
    -- Why it is paused, disabled or retired, and since when.
    why text CHECK (length(why) BETWEEN 1 AND 500),
    changed_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    -- Failures since the last success, and when the first of them was.
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since timestamptz,
    succeeded_at timestamptz,
    CHECK ((kind = 'standard') = (secret IS NOT NULL)),
    CHECK ((secret IS NULL) = (secret_made_at IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK (previous_secret IS NULL OR secret IS NOT NULL),
    CHECK ((state = 'active') = (why IS NULL)),
    CHECK ((failures = 0) = (failing_since IS NULL))
);
-- Packs and people call one by its name.
CREATE UNIQUE INDEX notice_endpoint_name ON notice_endpoint (lower(name)) WHERE state <> 'retired';

-- The outbox: a row until delivered, and afterwards the record of it.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    platform_id uuid REFERENCES platform,
    channel text NOT NULL CHECK (channel IN ('email', 'endpoint')),
    email text CHECK (length(email) BETWEEN 1 AND 320 AND email !~ '[[:cntrl:]]'),
    endpoint_id uuid REFERENCES notice_endpoint,
    -- What it is about, as the audit log names it.
    about_kind text NOT NULL CHECK (length(about_kind) BETWEEN 1 AND 60),
    about_id text NOT NULL CHECK (length(about_id) BETWEEN 1 AND 200),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200 AND title !~ '[[:cntrl:]]'),
    text text NOT NULL CHECK (length(text) <= 4000),
    -- A path within the product.
    link text NOT NULL CHECK (length(link) BETWEEN 1 AND 500 AND link LIKE '/%' AND link NOT LIKE '//%'),
    level text CHECK (level IN ('red', 'yellow', 'blue')),
    -- Who causes it twice queues it once, ever: rows are not deleted.
    key text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 300),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delivered', 'given_up', 'cancelled')),
    -- Why it was given up or cancelled. While it is queued: that it is to be cancelled once the attempt under way has ended.
    why text CHECK (length(why) BETWEEN 1 AND 500),
    queued_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    ended_at timestamptz,
    -- Whose attempt is under way: by the database's clock, and by number.
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    CHECK ((channel = 'email') = (email IS NOT NULL)),
    CHECK ((channel = 'endpoint') = (endpoint_id IS NOT NULL)),
    CHECK ((state = 'queued') = (ended_at IS NULL)),
    CHECK (state NOT IN ('given_up', 'cancelled') OR why IS NOT NULL),
    CHECK (state <> 'delivered' OR why IS NULL)
);
CREATE INDEX notice_due ON notice (next_at) WHERE state = 'queued';
CREATE INDEX notice_about ON notice (about_kind, about_id, id);
CREATE INDEX notice_endpoint_queue ON notice (endpoint_id, id) WHERE endpoint_id IS NOT NULL;
CREATE INDEX notice_state ON notice (state, id);

-- Every attempt, whatever came of it.
CREATE TABLE notice_attempt (
    notice_id uuid NOT NULL REFERENCES notice,
    number smallint NOT NULL CHECK (number > 0),
    begun_at timestamptz NOT NULL,
    took_ms bigint NOT NULL CHECK (took_ms >= 0),
    delivered boolean NOT NULL,
    answer text NOT NULL CHECK (length(answer) <= 500),
    PRIMARY KEY (notice_id, number)
);

GRANT SELECT, INSERT, UPDATE ON notice_endpoint, notice TO signalbox_app;
GRANT SELECT, INSERT ON notice_attempt TO signalbox_app;
GRANT SELECT (id, name, kind, host, secret_made_at, previous_until, state, why, changed_at, made_at, made_by, failures,
    failing_since, succeeded_at) ON notice_endpoint TO signalbox_auditor;
GRANT SELECT ON notice, notice_attempt TO signalbox_auditor;
