-- What somebody may do beyond their roles. Every request reads its own person's rows, whoever asks, by the query that
-- finds its session; so this is no table of the compartment, and nothing here says what there is in it. The trigger
-- below keeps it; the application cannot write it.
CREATE TABLE person_grant (
    person_id uuid NOT NULL REFERENCES person (id),
    name text NOT NULL CHECK (name IN ('sar.read', 'sar.draft', 'sar.approve', 'sar.file')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, name)
);
GRANT SELECT ON person_grant TO signalbox_app;

-- Who gave what to whom, for what and for how long. Nothing of a row changes but its answer and its end.
CREATE TABLE sar_grant (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    name text NOT NULL CHECK (name IN ('sar.read', 'sar.draft', 'sar.approve', 'sar.file')),
    purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    ended_by text,
    ended_at timestamptz,
    CHECK (ends_at > starts_at),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
    -- The first grants come from the command line, where there is nobody yet who could approve.
    CONSTRAINT sar_grant_four_eyes CHECK (approved_by <> proposed_by OR approved_by LIKE 'command\_line:%'),
    CONSTRAINT sar_grant_not_ones_own CHECK (proposed_by <> 'person:' || person_id AND
        coalesce(approved_by, '') <> 'person:' || person_id)
);
CREATE UNIQUE INDEX sar_grant_one_at_a_time ON sar_grant (person_id, name) WHERE ended_at IS NULL;

-- Who has opened the compartment, and what for.
CREATE TABLE sar_viewing (
    person_id uuid PRIMARY KEY REFERENCES person (id),
    purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
    opened_at timestamptz NOT NULL
);

CREATE FUNCTION sar_grant_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.person_id, NEW.name, NEW.purpose, NEW.starts_at, NEW.ends_at, NEW.proposed_by, NEW.proposed_at)
        IS DISTINCT FROM
       (OLD.id, OLD.person_id, OLD.name, OLD.purpose, OLD.starts_at, OLD.ends_at, OLD.proposed_by, OLD.proposed_at)
       OR (OLD.approved_by IS NOT NULL
           AND (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at))
       OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'a grant is answered once and ended once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'sar_grant_is_kept';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER sar_grant_is_kept BEFORE UPDATE ON sar_grant FOR EACH ROW EXECUTE FUNCTION sar_grant_is_kept();

CREATE FUNCTION sar_grant_counts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    DELETE FROM person_grant WHERE person_id = NEW.person_id AND name = NEW.name;
    IF NEW.approved_by IS NOT NULL AND NEW.ended_at IS NULL THEN
        INSERT INTO person_grant VALUES (NEW.person_id, NEW.name, NEW.starts_at, NEW.ends_at);
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION sar_grant_counts FROM PUBLIC;
CREATE TRIGGER sar_grant_counts AFTER INSERT OR UPDATE ON sar_grant FOR EACH ROW EXECUTE FUNCTION sar_grant_counts();

-- Whether this transaction may see the compartment: it says that it acts for somebody with a grant, and they have one.
CREATE FUNCTION sar_admits() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT coalesce(current_setting('app.sar', true), '') = 'granted'
        AND (current_setting('app.actor', true) LIKE 'command\_line:%'
             OR EXISTS (SELECT FROM person_grant
                        WHERE 'person:' || person_id = current_setting('app.actor', true)))
$$;
REVOKE EXECUTE ON FUNCTION sar_admits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sar_admits TO signalbox_app;

ALTER TABLE sar_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sar_viewing ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY granted ON sar_grant TO signalbox_app USING ((SELECT sar_admits()));
CREATE POLICY granted ON sar_viewing TO signalbox_app USING ((SELECT sar_admits()));

GRANT SELECT, INSERT ON sar_grant TO signalbox_app;
GRANT UPDATE (approved_by, approved_at, ended_by, ended_at) ON sar_grant TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON sar_viewing TO signalbox_app;
