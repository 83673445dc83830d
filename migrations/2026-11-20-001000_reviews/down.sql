DROP TABLE case_step;
DROP TABLE case_decision;
DROP TABLE review_case;
DROP FUNCTION review_case_guard;
DROP TABLE kyc_assessment;
DELETE FROM policy WHERE key = 'kyc.risk';
