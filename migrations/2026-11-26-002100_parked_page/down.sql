ALTER TABLE parked_form DROP COLUMN page;
