-- Which version of a subject was last assessed, so that one whose assessment was lost with its job is found.
ALTER TABLE subject ADD COLUMN assessed_version integer;
UPDATE subject SET assessed_version = version
FROM kyc_assessment AS a
WHERE a.subject_id = subject.id AND coalesce(a.screened_at, a.assessed_at) >= subject.updated_at;
CREATE INDEX subject_unassessed ON subject (id) WHERE assessed_version IS DISTINCT FROM version;
