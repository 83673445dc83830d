-- What the results of each target were: quarters of an hour, which fit every time zone, and the days of its platform.
-- What is settled stays as it is, whatever comes in late.
CREATE TABLE slo_span (
    slo_id uuid NOT NULL REFERENCES pack_item,
    span text NOT NULL CHECK (span IN ('quarter', 'day')),
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    good bigint NOT NULL CHECK (good >= 0),
    bad bigint NOT NULL CHECK (bad >= 0),
    good_ms bigint NOT NULL CHECK (good_ms >= 0),
    bad_ms bigint NOT NULL CHECK (bad_ms >= 0),
    unknown_ms bigint NOT NULL CHECK (unknown_ms >= 0),
    planned_ms bigint NOT NULL CHECK (planned_ms >= 0),
    -- Invented history of the demo.
    demo boolean NOT NULL,
    PRIMARY KEY (slo_id, span, at),
    CONSTRAINT slo_span_has_an_end CHECK (until > at),
    CONSTRAINT slo_span_adds_up
        CHECK (good_ms + bad_ms + unknown_ms + planned_ms <= extract(epoch FROM until - at) * 1000)
);
CREATE INDEX slo_span_age ON slo_span (span, at);

-- A month of a platform, once it is over. Nobody may change one, and each is made once.
CREATE TABLE slo_month (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    -- Its first day, in the zone of the platform as it was then.
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    zone text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    frozen_at timestamptz NOT NULL,
    CONSTRAINT slo_month_once UNIQUE (platform_id, month),
    CONSTRAINT slo_month_is_over CHECK (ends_at > starts_at AND frozen_at >= ends_at)
);

-- What became of each target in it, with the words that it had then.
CREATE TABLE slo_figure (
    month_id uuid NOT NULL REFERENCES slo_month,
    slo_id uuid NOT NULL REFERENCES pack_item,
    position integer NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    service text NOT NULL,
    measured text NOT NULL,
    of_time boolean NOT NULL,
    target double precision NOT NULL CHECK (target > 0 AND target < 1),
    least integer NOT NULL,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    good_ms bigint NOT NULL,
    bad_ms bigint NOT NULL,
    unknown_ms bigint NOT NULL,
    planned_ms bigint NOT NULL,
    -- The days that were added up: from which, until which, and how many; none where nothing was known.
    days integer NOT NULL CHECK (days >= 0),
    days_from timestamptz,
    days_until timestamptz,
    demo boolean NOT NULL,
    PRIMARY KEY (month_id, slo_id)
);

GRANT SELECT, INSERT, DELETE ON slo_span TO signalbox_app;
GRANT SELECT, INSERT ON slo_month, slo_figure TO signalbox_app;
GRANT SELECT ON slo_span, slo_month, slo_figure TO signalbox_auditor;
