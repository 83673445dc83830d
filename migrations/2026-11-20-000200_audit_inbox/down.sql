DROP TABLE audit_detail, sar_audit_inbox, audit_inbox;
