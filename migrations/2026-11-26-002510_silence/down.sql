DROP TABLE silence;
DROP FUNCTION silence_is_kept;
DROP INDEX alert_fired;
