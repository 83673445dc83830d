DROP TRIGGER release_deployer_overrode_nothing ON release;
DROP FUNCTION release_deployer_overrode_nothing();
DROP TRIGGER release_gate_override_is_others ON release_gate;
DROP FUNCTION release_gate_override_is_others();
