-- Counters as the last run found them: the next run counts from there, whoever makes it.
ALTER TABLE probe_state ADD COLUMN tally jsonb;
