-- Times in which a platform is worked on: each that a pack's calendar brings, and those that people make.
CREATE TABLE maintenance_window (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    -- The pack's definition; nothing where a person made it.
    item_id uuid REFERENCES pack_item,
    name text NOT NULL CHECK (name <> ''),
    -- The services that are worked on; none: all of the platform.
    services uuid[] NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    announced_at timestamptz NOT NULL,
    announced_by uuid REFERENCES person,
    announced_name text NOT NULL,
    needs_second boolean NOT NULL,
    approved_at timestamptz,
    approved_by uuid REFERENCES person,
    approved_name text,
    ended_at timestamptz,
    ended_by text,
    ended_name text,
    CONSTRAINT window_has_an_end CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '24 hours'),
    CONSTRAINT window_one_author CHECK ((item_id IS NULL) <> (announced_by IS NULL)),
    -- What a person makes holds alone only where everybody could see it coming for two days.
    CONSTRAINT window_alone CHECK (needs_second OR item_id IS NOT NULL OR announced_at <= starts_at - interval '48 hours'),
    CONSTRAINT window_four_eyes CHECK (approved_by <> announced_by),
    CONSTRAINT window_approval CHECK ((approved_at IS NULL) = (approved_by IS NULL)
        AND (approved_at IS NULL OR needs_second)),
    CONSTRAINT window_end CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX maintenance_window_once ON maintenance_window (item_id, starts_at)
    WHERE item_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX maintenance_window_running ON maintenance_window (ends_at);

-- What was announced never changes, and each answer is given once.
CREATE FUNCTION window_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.platform_id, NEW.item_id, NEW.name, NEW.services, NEW.starts_at, NEW.ends_at, NEW.announced_at,
            NEW.announced_by, NEW.needs_second)
        IS DISTINCT FROM (OLD.platform_id, OLD.item_id, OLD.name, OLD.services, OLD.starts_at, OLD.ends_at,
            OLD.announced_at, OLD.announced_by, OLD.needs_second)
        OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    THEN
        RAISE EXCEPTION 'a maintenance window never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'window_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER window_is_kept BEFORE UPDATE ON maintenance_window FOR EACH ROW EXECUTE FUNCTION window_is_kept();

GRANT SELECT, INSERT, UPDATE ON maintenance_window TO signalbox_app;
GRANT SELECT ON maintenance_window TO signalbox_auditor;
