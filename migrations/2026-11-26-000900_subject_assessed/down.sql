DROP INDEX subject_unassessed;
ALTER TABLE subject DROP COLUMN assessed_version;
