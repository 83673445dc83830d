-- What may be told in one letter with others to the same place; and the notice in whose letter it was told.
ALTER TABLE notice ADD COLUMN gather text CHECK (length(gather) BETWEEN 1 AND 120);
ALTER TABLE notice ADD COLUMN told_with uuid REFERENCES notice CHECK (told_with <> id);
CREATE INDEX notice_gather ON notice (gather, ended_at) WHERE gather IS NOT NULL;
CREATE INDEX notice_told_with ON notice (told_with) WHERE told_with IS NOT NULL;
