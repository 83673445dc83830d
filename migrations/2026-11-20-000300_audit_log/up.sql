-- The sealed log. Two logs of one shape: these tables are `main`; those prefixed `sar_` hold
-- everything that would betray a suspicious activity report.

-- A log is named by its origin. After a restore a new epoch begins under a new name.
CREATE TABLE audit_epoch (
    log text NOT NULL CHECK (log IN ('main', 'sar')),
    epoch integer NOT NULL CHECK (epoch > 0),
    origin text NOT NULL UNIQUE,
    first_idx bigint NOT NULL CHECK (first_idx >= 0),
    began_at timestamptz NOT NULL,
    PRIMARY KEY (log, epoch)
);

-- `body` is the exact bytes that are hashed. The columns before it are projections of it, for
-- searching; a verifier derives them again.
CREATE TABLE audit_log (
    idx bigint PRIMARY KEY CHECK (idx >= 0),
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    platform_id uuid,
    outcome text NOT NULL,
    body bytea NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
) PARTITION BY RANGE (idx);

-- One index for each filter of the audit page, each ending in the cursor.
CREATE INDEX audit_log_id ON audit_log (id);
CREATE INDEX audit_log_recorded_at ON audit_log (recorded_at, idx);
CREATE INDEX audit_log_actor ON audit_log (actor_id, idx);
CREATE INDEX audit_log_kind ON audit_log (kind, idx);
CREATE INDEX audit_log_subject ON audit_log (subject_id, idx);
CREATE INDEX audit_log_platform ON audit_log (platform_id, idx) WHERE platform_id IS NOT NULL;
-- Nearly every event is a success: the primary key serves those.
CREATE INDEX audit_log_outcome ON audit_log (outcome, idx) WHERE outcome <> 'success';

-- Up to 256 hashes of one tree level (C2SP tlog-tiles); the last tile of a level grows.
CREATE TABLE audit_tile (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx bigint NOT NULL CHECK (idx >= 0),
    width smallint NOT NULL CHECK (width BETWEEN 1 AND 256),
    hashes bytea NOT NULL,
    PRIMARY KEY (level, idx),
    CHECK (octet_length(hashes) = 32 * width)
);

CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);

-- Checkpoints that stand outside this database too, and where.
CREATE TABLE audit_anchor (
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    place text NOT NULL,
    anchored_at timestamptz NOT NULL,
    PRIMARY KEY (size, place)
);

-- One row: how far the log is sealed, and below which index the bodies were pruned.
CREATE TABLE audit_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    pruned_to bigint NOT NULL DEFAULT 0 CHECK (pruned_to BETWEEN 0 AND size),
    sealed_at timestamptz
);
INSERT INTO audit_head (size, root) VALUES (0, sha256(''));

-- What stood in the inbox but was no event of ours: kept, and named in the log by its hash.
CREATE TABLE audit_refused (
    id uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL
);

CREATE TABLE sar_audit_log (LIKE audit_log INCLUDING ALL) PARTITION BY RANGE (idx);
CREATE TABLE sar_audit_tile (LIKE audit_tile INCLUDING ALL);
CREATE TABLE sar_audit_checkpoint (LIKE audit_checkpoint INCLUDING ALL);
CREATE TABLE sar_audit_anchor (LIKE audit_anchor INCLUDING ALL);
CREATE TABLE sar_audit_head (LIKE audit_head INCLUDING ALL);
INSERT INTO sar_audit_head (size, root) VALUES (0, sha256(''));
CREATE TABLE sar_audit_refused (LIKE audit_refused INCLUDING ALL);

-- Partitions stand in a schema of their own and are made ahead. Nobody but the owner can drop
-- or detach one.
CREATE SCHEMA audit_parts;

CREATE FUNCTION audit_partition_rows() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1048576;

-- Makes the partition of `next_idx` and the two after it; answers how many it made.
CREATE FUNCTION audit_make_partitions(log_table text, next_idx bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    rows bigint := audit_partition_rows();
    first bigint := next_idx / rows;
    made integer := 0;
    part text;
BEGIN
    IF log_table NOT IN ('audit_log', 'sar_audit_log') THEN
        RAISE EXCEPTION '% is not a log', log_table;
    END IF;
    FOR n IN first .. first + 2 LOOP
        part := format('%s_%s', log_table, lpad(n::text, 8, '0'));
        IF to_regclass(format('audit_parts.%I', part)) IS NULL THEN
            -- Attaching, unlike creating in place, lets readers and long exports go on.
            EXECUTE format('CREATE TABLE audit_parts.%I (LIKE %I INCLUDING ALL)', part, log_table);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION audit_parts.%I FOR VALUES FROM (%s) TO (%s)',
                log_table, part, n * rows, (n + 1) * rows);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_make_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_make_partitions TO signalbox_sealer;

SELECT audit_make_partitions('audit_log', 0), audit_make_partitions('sar_audit_log', 0);

-- The application reads; only the sealer writes, and it can change nothing that it has written
-- but the growing tiles and the head. Checkpoints between two anchors are thinned out.
GRANT SELECT ON audit_epoch TO signalbox_app, signalbox_auditor;
GRANT SELECT, INSERT ON audit_epoch TO signalbox_sealer;

GRANT SELECT ON
    audit_log, audit_tile, audit_checkpoint, audit_anchor, audit_head, audit_refused,
    sar_audit_log, sar_audit_tile, sar_audit_checkpoint, sar_audit_anchor, sar_audit_head, sar_audit_refused
    TO signalbox_app, signalbox_auditor, signalbox_sealer;
GRANT INSERT ON
    audit_log, audit_tile, audit_checkpoint, audit_anchor, audit_refused,
    sar_audit_log, sar_audit_tile, sar_audit_checkpoint, sar_audit_anchor, sar_audit_refused
    TO signalbox_sealer;
GRANT UPDATE ON audit_tile, audit_head, sar_audit_tile, sar_audit_head TO signalbox_sealer;
GRANT DELETE ON audit_checkpoint, sar_audit_checkpoint TO signalbox_sealer;

-- The page says how many events wait for the seal.
GRANT SELECT (id, recorded_at) ON audit_inbox TO signalbox_app;
GRANT SELECT ON sar_audit_inbox TO signalbox_auditor;

-- Even the sizes of the second log would betray that a report exists. The application sees it in
-- a transaction that says it acts for somebody with the grant.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sar_audit_log', 'sar_audit_tile', 'sar_audit_checkpoint',
        'sar_audit_anchor', 'sar_audit_head', 'sar_audit_refused']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY granted ON %I FOR SELECT TO signalbox_app
            USING ((SELECT nullif(current_setting(''app.sar'', true), '''')) = ''granted'')', name);
        EXECUTE format('CREATE POLICY keeper ON %I TO signalbox_sealer USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY auditor ON %I FOR SELECT TO signalbox_auditor USING (true)', name);
    END LOOP;
END
$$;
