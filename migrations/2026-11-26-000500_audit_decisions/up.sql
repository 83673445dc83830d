-- One index instead of two on the way in. It grows at its right end, where a random id would touch a
-- page of its own for each event; the sealer looks for doubled ids.
ALTER TABLE audit_inbox DROP CONSTRAINT audit_inbox_pkey, ADD PRIMARY KEY (recorded_at, id);
ALTER TABLE sar_audit_inbox DROP CONSTRAINT sar_audit_inbox_pkey, ADD PRIMARY KEY (recorded_at, id);
DROP INDEX audit_inbox_order, sar_audit_inbox_order;

-- What is refused is kept even where its id was refused before.
ALTER TABLE audit_refused
    ADD COLUMN sha256 bytea NOT NULL GENERATED ALWAYS AS (sha256(body)) STORED,
    DROP CONSTRAINT audit_refused_pkey, ADD PRIMARY KEY (id, sha256);
ALTER TABLE sar_audit_refused
    ADD COLUMN sha256 bytea NOT NULL GENERATED ALWAYS AS (sha256(body)) STORED,
    DROP CONSTRAINT sar_audit_refused_pkey, ADD PRIMARY KEY (id, sha256);

-- Events by which somebody decided about the log itself: a new epoch, bodies given up. Each is in the
-- log too; these copies outlive pruning, because no later export can be judged without them.
CREATE TABLE audit_decision (
    idx bigint PRIMARY KEY CHECK (idx >= 0),
    body bytea NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);
CREATE TABLE sar_audit_decision (LIKE audit_decision INCLUDING ALL);
GRANT SELECT ON audit_decision, sar_audit_decision TO signalbox_app;
GRANT SELECT ON audit_decision TO signalbox_auditor;
GRANT SELECT, INSERT ON audit_decision, sar_audit_decision TO signalbox_sealer;
ALTER TABLE sar_audit_decision ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY granted ON sar_audit_decision FOR SELECT TO signalbox_app
    USING ((SELECT nullif(current_setting('app.sar', true), '')) = 'granted');
CREATE POLICY keeper ON sar_audit_decision TO signalbox_sealer USING (true) WITH CHECK (true);

-- Access to the second log is a grant of its own, which no database role for reading has.
REVOKE SELECT ON sar_audit_inbox, sar_audit_log, sar_audit_tile, sar_audit_checkpoint, sar_audit_anchor,
    sar_audit_head, sar_audit_refused FROM signalbox_auditor;
DROP POLICY auditor ON sar_audit_log;
DROP POLICY auditor ON sar_audit_tile;
DROP POLICY auditor ON sar_audit_checkpoint;
DROP POLICY auditor ON sar_audit_anchor;
DROP POLICY auditor ON sar_audit_head;
DROP POLICY auditor ON sar_audit_refused;
-- Nor may the names of its epochs tell how long it is.
ALTER TABLE audit_epoch ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY granted ON audit_epoch FOR SELECT TO signalbox_app
    USING (log = 'main' OR (SELECT nullif(current_setting('app.sar', true), '')) = 'granted');
CREATE POLICY auditor ON audit_epoch FOR SELECT TO signalbox_auditor USING (log = 'main');
CREATE POLICY keeper ON audit_epoch TO signalbox_sealer USING (true) WITH CHECK (true);

-- For the functions below, which run as the owner.
CREATE POLICY standing ON sar_audit_head TO signalbox_owner USING (true) WITH CHECK (true);
CREATE POLICY standing ON sar_audit_checkpoint FOR SELECT TO signalbox_owner USING (true);
CREATE POLICY standing ON sar_audit_anchor TO signalbox_owner USING (true) WITH CHECK (true);
CREATE POLICY standing ON sar_audit_decision FOR SELECT TO signalbox_owner USING (true);

-- Since when something waits for the seal, and for an anchor, in whichever log waits longer; and how
-- many partitions stand ready. The application learns nothing else of the second log.
CREATE FUNCTION audit_standing(
    OUT waiting_since timestamptz, OUT unanchored_since timestamptz, OUT partitions_left integer
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    prefix text;
    size bigint;
    since timestamptz;
    ready integer;
BEGIN
    FOREACH prefix IN ARRAY ARRAY['audit', 'sar_audit'] LOOP
        EXECUTE format('SELECT recorded_at FROM %I WHERE isfinite(recorded_at) ORDER BY recorded_at LIMIT 1',
            prefix || '_inbox') INTO since;
        waiting_since := least(waiting_since, since);
        EXECUTE format('SELECT size FROM %I', prefix || '_head') INTO size;
        EXECUTE format('SELECT signed_at FROM %I WHERE size > 0 AND size > coalesce(
            (SELECT max(size) FROM %I WHERE size <= $1), 0) ORDER BY size LIMIT 1',
            prefix || '_checkpoint', prefix || '_anchor') INTO since USING size;
        unanchored_since := least(unanchored_since, since);
        SELECT count(*) INTO ready FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = to_regclass(format('public.%I', prefix || '_log'))
            AND substring(c.relname FROM '[0-9]+$')::bigint > size / audit_partition_rows();
        partitions_left := least(partitions_left, ready);
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_standing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_standing TO signalbox_app;

-- Old anchors are thinned in the table: one an hour after a day, one a day after a month. The files
-- outside keep all.
CREATE FUNCTION audit_thin_anchors(anchor_table text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    gone bigint := 0;
    step bigint;
    span record;
BEGIN
    IF anchor_table NOT IN ('audit_anchor', 'sar_audit_anchor') THEN
        RAISE EXCEPTION '% holds no anchors', anchor_table;
    END IF;
    FOR span IN SELECT * FROM (VALUES ('hour', interval '1 day'), ('day', interval '30 days')) AS s (unit, age) LOOP
        EXECUTE format('DELETE FROM %1$I a WHERE anchored_at < now() - $1 AND EXISTS (
            SELECT FROM %1$I b WHERE b.place = a.place AND b.size > a.size
            AND b.anchored_at < now() - $1
            AND date_trunc($2, b.anchored_at, ''UTC'') = date_trunc($2, a.anchored_at, ''UTC''))', anchor_table)
            USING span.age, span.unit;
        GET DIAGNOSTICS step = ROW_COUNT;
        gone := gone + step;
    END LOOP;
    RETURN gone;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_thin_anchors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_thin_anchors TO signalbox_sealer;

-- Drops the oldest partitions, whole, and never past what an event of the log says was given up.
CREATE FUNCTION audit_prune(log_table text, below bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    prefix text := replace(log_table, '_log', '');
    allowed boolean;
    part record;
    dropped integer := 0;
BEGIN
    IF log_table NOT IN ('audit_log', 'sar_audit_log') THEN
        RAISE EXCEPTION '% is not a log', log_table;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE idx >= $1
        AND convert_from(body, ''UTF8'')::jsonb ->> ''kind'' = ''audit.bodies_pruned''
        AND convert_from(body, ''UTF8'')::jsonb #>> ''{subject,id}'' = $1::text)', prefix || '_decision')
        INTO allowed USING below;
    IF NOT allowed THEN
        RAISE EXCEPTION 'no event of % gives up what lies below #%', log_table, below;
    END IF;
    EXECUTE format('UPDATE %I SET pruned_to = $1 WHERE pruned_to < $1', prefix || '_head') USING below;
    FOR part IN SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(format('public.%I', log_table))
        AND (substring(c.relname FROM '[0-9]+$')::bigint + 1) * audit_partition_rows() <= below
    LOOP
        EXECUTE format('DROP TABLE audit_parts.%I', part.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_prune FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_prune TO signalbox_sealer;
