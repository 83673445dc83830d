-- Whoever goes on over a gate has neither proposed the release nor deploys it, whichever comes first.
CREATE FUNCTION release_gate_override_is_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The row is locked, so that nobody starts it meanwhile.
    PERFORM 1 FROM release WHERE id = NEW.release_id FOR SHARE;
    IF EXISTS (SELECT 1 FROM release WHERE id = NEW.release_id AND NEW.overridden_by IN (proposed_by, started_by)) THEN
        RAISE EXCEPTION 'a gate is overridden by somebody else' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'release_gate_four_eyes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER release_gate_override_is_others BEFORE UPDATE ON release_gate FOR EACH ROW
    WHEN (NEW.overridden_by IS NOT NULL) EXECUTE FUNCTION release_gate_override_is_others();

CREATE FUNCTION release_deployer_overrode_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM release_gate
        WHERE release_id = NEW.id AND round = NEW.round AND overridden_by = NEW.started_by;
    IF FOUND THEN
        RAISE EXCEPTION 'whoever overrode a gate does not deploy' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'release_gate_four_eyes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER release_deployer_overrode_nothing BEFORE UPDATE ON release FOR EACH ROW
    WHEN (OLD.started_by IS NULL AND NEW.started_by IS NOT NULL) EXECUTE FUNCTION release_deployer_overrode_nothing();
