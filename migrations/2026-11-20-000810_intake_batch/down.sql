DROP TABLE intake_rejection;
DROP TABLE intake_record;
DROP TABLE intake_batch;
