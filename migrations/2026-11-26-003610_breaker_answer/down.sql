REVOKE UPDATE (answer, answered_at, answered_by, answered_name) ON breaker_proposal FROM signalbox_app;
GRANT UPDATE ON breaker_proposal TO signalbox_app;
