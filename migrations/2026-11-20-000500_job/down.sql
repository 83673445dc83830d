DROP TABLE job;
DROP TABLE job_schedule;
