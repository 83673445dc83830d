-- Whoever answered for an item or added something to it is among those who went through the list, so that none of them
-- reviews it, whatever the program says that signs.
CREATE FUNCTION checklist_performers_are_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM checklist_answer
            WHERE run_id = NEW.id AND answered_by IS NOT NULL AND NOT (answered_by = ANY (NEW.performers)))
        OR EXISTS (SELECT 1 FROM checklist_evidence
            WHERE run_id = NEW.id AND NOT (added_by = ANY (NEW.performers)))
    THEN
        RAISE EXCEPTION 'whoever answered for a checklist went through it' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'checklist_signer_performs';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER checklist_performers_are_whole BEFORE UPDATE ON checklist_run FOR EACH ROW
    WHEN (OLD.signed_by IS NULL AND NEW.signed_by IS NOT NULL) EXECUTE FUNCTION checklist_performers_are_whole();
