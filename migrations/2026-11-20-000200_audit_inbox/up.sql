-- Where a business transaction leaves its event. No lock is held and no order is given here: the
-- sealer moves rows on and numbers them.
CREATE TABLE audit_inbox (
    id uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) < 65536)
);
CREATE INDEX audit_inbox_order ON audit_inbox (recorded_at, id);

CREATE TABLE sar_audit_inbox (
    id uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) < 65536)
);
CREATE INDEX sar_audit_inbox_order ON sar_audit_inbox (recorded_at, id);

-- Personal details of an event, under the subject's key. The event itself holds only
-- SHA-256(salt || value), so destroying the key leaves the log verifiable.
CREATE TABLE audit_detail (
    event_id uuid NOT NULL,
    position smallint NOT NULL CHECK (position >= 0),
    subject_id uuid NOT NULL,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    ciphertext bytea NOT NULL,
    PRIMARY KEY (event_id, position)
);

GRANT INSERT ON audit_inbox, sar_audit_inbox TO signalbox_app;
GRANT SELECT, INSERT ON audit_detail TO signalbox_app;
GRANT SELECT, DELETE ON audit_inbox, sar_audit_inbox TO signalbox_sealer;
GRANT SELECT ON audit_inbox, audit_detail TO signalbox_auditor;
