-- Whom a person tells of the window that they make, as a pack's calendar says it of its own.
ALTER TABLE maintenance_window ADD COLUMN tell jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tell) = 'array');

CREATE OR REPLACE FUNCTION window_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.platform_id, NEW.item_id, NEW.name, NEW.services, NEW.starts_at, NEW.ends_at, NEW.announced_at,
            NEW.announced_by, NEW.needs_second, NEW.tell)
        IS DISTINCT FROM (OLD.platform_id, OLD.item_id, OLD.name, OLD.services, OLD.starts_at, OLD.ends_at,
            OLD.announced_at, OLD.announced_by, OLD.needs_second, OLD.tell)
        OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    THEN
        RAISE EXCEPTION 'a maintenance window never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'window_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
