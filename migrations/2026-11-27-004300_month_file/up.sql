-- The file of a frozen month, as it was written when the month was frozen: what is signed on paper names its SHA-256, and a
-- later version that writes such files otherwise must not make that a digest of nothing. A month that was frozen before is
-- written when somebody first takes its file, which made_at tells.
CREATE TABLE slo_month_file (
    month_id uuid PRIMARY KEY REFERENCES slo_month,
    text text NOT NULL,
    made_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON slo_month_file TO signalbox_app;
GRANT SELECT ON slo_month_file TO signalbox_auditor;
