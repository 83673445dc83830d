-- When all gates before a release had passed, so that what passed long ago lets nothing begin, also where no gate is named.
ALTER TABLE release ADD COLUMN passed_at timestamptz;
UPDATE release SET passed_at = proposed_at WHERE state = 'gates_passed';
ALTER TABLE release ADD CONSTRAINT release_passed CHECK (state <> 'gates_passed' OR passed_at IS NOT NULL);

-- Before it begins, a release may be given another checklist: the one that it had was called off, or objected to.
CREATE OR REPLACE FUNCTION release_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.platform_id, NEW.version_from, NEW.version_to, NEW.what, NEW.planned_at, NEW.proposed_by)
        IS DISTINCT FROM (OLD.id, OLD.platform_id, OLD.version_from, OLD.version_to, OLD.what, OLD.planned_at,
            OLD.proposed_by)
        OR (NEW.checklist_run_id IS DISTINCT FROM OLD.checklist_run_id AND OLD.state NOT IN ('draft', 'gates_passed'))
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
