ALTER TABLE pack_item DROP CONSTRAINT pack_item_kind;
ALTER TABLE pack_item ADD CONSTRAINT pack_item_kind_check
    CHECK (kind IN ('service', 'probe', 'indicator', 'event_type', 'heartbeat', 'rule', 'runbook'));
