ALTER TABLE slo_figure
    DROP COLUMN target_least,
    DROP COLUMN target_most,
    DROP COLUMN changed_at,
    DROP COLUMN retired_at;
ALTER TABLE slo_span DROP COLUMN target;
