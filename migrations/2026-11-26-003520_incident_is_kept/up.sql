-- When somebody first led it or resolved it, apart from what its alerts say: an alert that is taken off takes its word along.
ALTER TABLE incident ADD COLUMN taken_at timestamptz;
UPDATE incident SET taken_at = GREATEST(acknowledged_at, began_at), acknowledged_at = GREATEST(acknowledged_at, began_at)
    WHERE acknowledged_at IS NOT NULL;
ALTER TABLE incident
    ADD CONSTRAINT incident_acknowledged_after CHECK (acknowledged_at >= began_at),
    ADD CONSTRAINT incident_taken CHECK (taken_at IS NULL OR acknowledged_at <= taken_at);

-- A line holds whatever may be said, with its headline.
ALTER TABLE incident_entry DROP CONSTRAINT incident_entry_text_check,
    ADD CONSTRAINT incident_entry_text_check CHECK (length(text) <= 5000);

-- What is closed for good stays as it was closed, and is closed by a review where it was ever red.
CREATE FUNCTION incident_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('reviewed', 'closed')
        OR (OLD.was_red AND NOT NEW.was_red)
        OR (NEW.id, NEW.platform_id, NEW.title, NEW.cause, NEW.opened_at, NEW.opened_name)
            IS DISTINCT FROM (OLD.id, OLD.platform_id, OLD.title, OLD.cause, OLD.opened_at, OLD.opened_name)
    THEN
        RAISE EXCEPTION 'an incident keeps what was decided' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'incident_never_changes';
    END IF;
    IF NEW.state = 'reviewed' AND NOT EXISTS (
        SELECT 1 FROM incident_review WHERE incident_id = NEW.id AND approved_by IS NOT NULL)
    THEN
        RAISE EXCEPTION 'an incident is reviewed by an approved review' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'incident_red_is_reviewed';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER incident_is_kept BEFORE UPDATE ON incident FOR EACH ROW EXECUTE FUNCTION incident_is_kept();

-- What was approved never changes, nobody is taken out of its authors, and a signature goes with what it stood for.
CREATE FUNCTION incident_review_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.approved_by IS NOT NULL
        OR NEW.incident_id <> OLD.incident_id
        OR NOT (NEW.authors @> OLD.authors)
        OR (OLD.signed_by IS NOT NULL AND NEW.signed_at IS NOT DISTINCT FROM OLD.signed_at
            AND (NEW.summary, NEW.cause, NEW.went_well, NEW.went_badly, NEW.signed_by)
            IS DISTINCT FROM (OLD.summary, OLD.cause, OLD.went_well, OLD.went_badly, OLD.signed_by))
    THEN
        RAISE EXCEPTION 'a review keeps what was agreed to' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'incident_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER incident_review_is_kept BEFORE UPDATE ON incident_review FOR EACH ROW
    EXECUTE FUNCTION incident_review_is_kept();

-- An action ends once, and what it was stays what it was.
CREATE FUNCTION incident_action_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'open'
        OR (NEW.id, NEW.incident_id, NEW.text, NEW.owner_id, NEW.due, NEW.overdue_at, NEW.made_at, NEW.made_by)
            IS DISTINCT FROM (OLD.id, OLD.incident_id, OLD.text, OLD.owner_id, OLD.due, OLD.overdue_at, OLD.made_at,
                OLD.made_by)
    THEN
        RAISE EXCEPTION 'an action keeps what was given' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'incident_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER incident_action_is_kept BEFORE UPDATE ON incident_action FOR EACH ROW
    EXECUTE FUNCTION incident_action_is_kept();

-- Nothing is asked of anybody in what is closed for good. The row is locked, so that nobody closes it meanwhile.
CREATE FUNCTION incident_takes_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM incident WHERE id = NEW.incident_id AND state NOT IN ('reviewed', 'closed') FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a closed incident takes no more actions' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'incident_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER incident_takes_actions BEFORE INSERT ON incident_action FOR EACH ROW
    EXECUTE FUNCTION incident_takes_actions();
