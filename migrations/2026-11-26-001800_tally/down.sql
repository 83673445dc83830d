ALTER TABLE probe_state DROP COLUMN tally;
