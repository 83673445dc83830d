DROP TABLE breaker_call, breaker_turn, breaker_proposal, breaker;
DROP FUNCTION breaker_proposal_is_kept();
