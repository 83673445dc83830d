DROP TABLE notice_attempt, notice, notice_endpoint;
