CREATE OR REPLACE FUNCTION release_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.platform_id, NEW.version_from, NEW.version_to, NEW.what, NEW.planned_at, NEW.proposed_by,
            NEW.checklist_run_id)
        IS DISTINCT FROM (OLD.id, OLD.platform_id, OLD.version_from, OLD.version_to, OLD.what, OLD.planned_at,
            OLD.proposed_by, OLD.checklist_run_id)
        OR OLD.ended_at IS NOT NULL
        OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR (OLD.started_by IS NOT NULL AND NEW.started_by IS DISTINCT FROM OLD.started_by)
    THEN
        RAISE EXCEPTION 'a release keeps what was decided' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'release_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
ALTER TABLE release DROP COLUMN passed_at;
