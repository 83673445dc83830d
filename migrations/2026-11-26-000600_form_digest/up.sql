-- What was typed into a form, as a hash: a form that comes again with something else in it is another act, and is
-- told so rather than taken for the first one.
ALTER TABLE idempotency ADD COLUMN digest bytea CHECK (octet_length(digest) = 32);
