DROP TABLE access_review_line;
DROP TABLE access_review;
DROP FUNCTION access_review_line_is_kept;
DROP FUNCTION access_review_is_kept;
