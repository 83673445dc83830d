-- Everybody who wrote at a review, and who gave it an action or ended one, not the last one alone: none of them approves it.
ALTER TABLE incident_review ADD COLUMN authors uuid[];
UPDATE incident_review SET authors = ARRAY[saved_by];
ALTER TABLE incident_review
    ALTER COLUMN authors SET NOT NULL,
    ADD CONSTRAINT incident_review_authors CHECK (saved_by = ANY (authors)),
    DROP CONSTRAINT incident_review_four_eyes,
    ADD CONSTRAINT incident_review_four_eyes CHECK (approved_by <> signed_by AND NOT (approved_by = ANY (authors)));
-- Nobody where it was made before this was kept.
ALTER TABLE incident_action
    ADD COLUMN made_by uuid REFERENCES person,
    ADD COLUMN ended_by uuid REFERENCES person CHECK (ended_by IS NULL OR ended_at IS NOT NULL);
