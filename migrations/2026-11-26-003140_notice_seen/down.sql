DROP INDEX notice_mailbox;
DROP TABLE notice_seen;
