-- A form posted twice is one act: the second post is sent to where the first one led.
CREATE TABLE idempotency (
    key uuid PRIMARY KEY,
    actor text NOT NULL,
    location text NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (made_at);

GRANT SELECT, INSERT, DELETE ON idempotency TO signalbox_app;
