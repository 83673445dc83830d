-- A report in whose place a correction stands: it is kept, and rules and service levels read it no more.
ALTER TABLE indicator_report ADD COLUMN superseded_by uuid REFERENCES indicator_claim;
CREATE INDEX indicator_report_claim ON indicator_report (claim_id) WHERE claim_id IS NOT NULL;

-- What was corrected until now, by the first correction that counts.
UPDATE indicator_report AS report SET superseded_by = (
    SELECT claim.id FROM indicator_claim AS claim
    WHERE claim.corrects = report.claim_id AND (NOT claim.needs_second OR claim.answer = 'approved')
    ORDER BY claim.made_at, claim.id LIMIT 1)
WHERE report.claim_id IS NOT NULL;

GRANT UPDATE (superseded_by) ON indicator_report TO signalbox_app;
