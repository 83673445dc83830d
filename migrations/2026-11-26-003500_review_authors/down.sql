ALTER TABLE incident_action DROP COLUMN ended_by, DROP COLUMN made_by;
ALTER TABLE incident_review
    DROP CONSTRAINT incident_review_four_eyes,
    DROP COLUMN authors,
    ADD CONSTRAINT incident_review_four_eyes CHECK (approved_by <> signed_by AND approved_by <> saved_by);
