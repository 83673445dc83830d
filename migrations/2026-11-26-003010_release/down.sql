DROP TABLE release_event;
DROP TABLE release_gate;
DROP TABLE release;
DROP FUNCTION release_gate_is_kept;
DROP FUNCTION release_is_kept;
