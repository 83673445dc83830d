DROP TABLE heartbeat_turn;
DROP TABLE heartbeat_ping;
DROP TABLE heartbeat;
ALTER TABLE pack_item DROP CONSTRAINT pack_item_kind_check;
-- Heartbeats and rules on them may be there already. They stay, and a program that knows none leaves them alone.
ALTER TABLE pack_item ADD CONSTRAINT pack_item_kind_check
    CHECK (kind IN ('service', 'probe', 'indicator', 'event_type', 'rule', 'runbook')) NOT VALID;
