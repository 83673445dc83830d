REVOKE UPDATE (superseded_by) ON indicator_report FROM signalbox_app;
DROP INDEX indicator_report_claim;
ALTER TABLE indicator_report DROP COLUMN superseded_by;
