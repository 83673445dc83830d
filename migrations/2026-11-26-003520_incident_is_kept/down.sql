DROP TRIGGER incident_takes_actions ON incident_action;
DROP FUNCTION incident_takes_actions();
DROP TRIGGER incident_action_is_kept ON incident_action;
DROP FUNCTION incident_action_is_kept();
DROP TRIGGER incident_review_is_kept ON incident_review;
DROP FUNCTION incident_review_is_kept();
DROP TRIGGER incident_is_kept ON incident;
DROP FUNCTION incident_is_kept();
ALTER TABLE incident_entry DROP CONSTRAINT incident_entry_text_check,
    ADD CONSTRAINT incident_entry_text_check CHECK (length(text) <= 4000) NOT VALID;
ALTER TABLE incident DROP COLUMN taken_at, DROP CONSTRAINT incident_acknowledged_after;
