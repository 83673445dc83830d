-- What a target promised while a span of it was settled. A promise that is lowered on the last day of a month is lower for
-- that day.
ALTER TABLE slo_span ADD COLUMN target double precision CHECK (target > 0 AND target < 1);

-- Of a month: the lowest and the highest share that was promised in it, and whether its definition was changed or taken away
-- since it began.
ALTER TABLE slo_figure
    ADD COLUMN target_least double precision,
    ADD COLUMN target_most double precision,
    ADD COLUMN changed_at timestamptz,
    ADD COLUMN retired_at timestamptz,
    ADD CONSTRAINT slo_figure_promises CHECK ((target_least IS NULL) = (target_most IS NULL)
        AND (target_least IS NULL OR target_least <= target_most));
