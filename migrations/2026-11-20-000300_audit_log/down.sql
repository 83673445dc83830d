REVOKE SELECT (id, recorded_at) ON audit_inbox FROM signalbox_app;
REVOKE SELECT ON sar_audit_inbox FROM signalbox_auditor;
DROP FUNCTION audit_make_partitions;
DROP FUNCTION audit_partition_rows;
DROP TABLE sar_audit_refused, sar_audit_head, sar_audit_anchor, sar_audit_checkpoint, sar_audit_tile, sar_audit_log;
DROP TABLE audit_refused, audit_head, audit_anchor, audit_checkpoint, audit_tile, audit_log, audit_epoch;
DROP SCHEMA audit_parts;
