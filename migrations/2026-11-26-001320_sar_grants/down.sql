DROP TABLE sar_viewing;
DROP TABLE sar_grant;
DROP FUNCTION sar_admits;
DROP FUNCTION sar_grant_counts;
DROP FUNCTION sar_grant_is_kept;
DROP TABLE person_grant;
