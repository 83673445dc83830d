ALTER TABLE audit_inbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE sar_audit_inbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
