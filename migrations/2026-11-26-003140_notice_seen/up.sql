-- Up to which moment somebody has seen what they were told, by their mailbox in small letters.
CREATE TABLE notice_seen (
    mailbox text PRIMARY KEY CHECK (length(mailbox) BETWEEN 1 AND 320),
    until timestamptz NOT NULL
);
-- What somebody was told, newest first.
CREATE INDEX notice_mailbox ON notice (lower(email), queued_at DESC) WHERE email IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON notice_seen TO signalbox_app;
GRANT SELECT ON notice_seen TO signalbox_auditor;
