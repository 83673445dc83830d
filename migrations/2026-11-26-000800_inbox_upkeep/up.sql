-- Every event passes through an inbox and leaves it within a second, so an inbox is mostly what has been
-- deleted. Whoever asks what waits would read all of that until it is cleared away: by number, not by share.
ALTER TABLE audit_inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
ALTER TABLE sar_audit_inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
