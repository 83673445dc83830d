-- When a batch's reader was last heard of: a pipe whose reader was killed is found by its silence.
ALTER TABLE intake_batch ADD COLUMN heard_at timestamptz;
UPDATE intake_batch SET heard_at = coalesce(finished_at, started_at, created_at);
ALTER TABLE intake_batch ALTER COLUMN heard_at SET NOT NULL;
-- When the rejected rows of the batch were removed, because their time was over.
ALTER TABLE intake_batch ADD COLUMN rejections_expired_at timestamptz;

CREATE INDEX intake_batch_open ON intake_batch (heard_at) WHERE state IN ('waiting', 'reading');
CREATE INDEX intake_batch_rejected ON intake_batch (finished_at)
    WHERE rejected > 0 AND rejections_expired_at IS NULL;
-- The job that reads a batch, for the batch's page.
CREATE INDEX job_keyed ON job (kind, key, id DESC) WHERE key IS NOT NULL;

-- How long rejected rows are kept for whoever has to mend them.
SELECT install_policy('intake.keeping', '{"rejected_days": 90}');
