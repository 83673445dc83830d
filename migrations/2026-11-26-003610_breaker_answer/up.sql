-- What was asked for never changes, so the application may write an answer to it and nothing else.
REVOKE UPDATE ON breaker_proposal FROM signalbox_app;
GRANT UPDATE (answer, answered_at, answered_by, answered_name) ON breaker_proposal TO signalbox_app;
