DROP FUNCTION audit_prune, audit_thin_anchors, audit_standing;

DROP POLICY standing ON sar_audit_head;
DROP POLICY standing ON sar_audit_checkpoint;
DROP POLICY standing ON sar_audit_anchor;
DROP POLICY granted ON audit_epoch;
DROP POLICY auditor ON audit_epoch;
DROP POLICY keeper ON audit_epoch;
ALTER TABLE audit_epoch NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;

GRANT SELECT ON sar_audit_inbox, sar_audit_log, sar_audit_tile, sar_audit_checkpoint, sar_audit_anchor,
    sar_audit_head, sar_audit_refused TO signalbox_auditor;
CREATE POLICY auditor ON sar_audit_log FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON sar_audit_tile FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON sar_audit_checkpoint FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON sar_audit_anchor FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON sar_audit_head FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON sar_audit_refused FOR SELECT TO signalbox_auditor USING (true);

DROP TABLE audit_decision, sar_audit_decision;

ALTER TABLE audit_refused DROP CONSTRAINT audit_refused_pkey, DROP COLUMN sha256, ADD PRIMARY KEY (id);
ALTER TABLE sar_audit_refused DROP CONSTRAINT sar_audit_refused_pkey, DROP COLUMN sha256, ADD PRIMARY KEY (id);

ALTER TABLE audit_inbox DROP CONSTRAINT audit_inbox_pkey, ADD PRIMARY KEY (id);
ALTER TABLE sar_audit_inbox DROP CONSTRAINT sar_audit_inbox_pkey, ADD PRIMARY KEY (id);
CREATE INDEX audit_inbox_order ON audit_inbox (recorded_at, id);
CREATE INDEX sar_audit_inbox_order ON sar_audit_inbox (recorded_at, id);
