-- Where the form stood, so that its author can be brought back to it and see what they send.
ALTER TABLE parked_form ADD COLUMN page text NOT NULL DEFAULT '/' CHECK (length(page) <= 2000);
