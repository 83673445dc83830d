-- What was scraped, of the metrics that some rule or scrape names: a series is a metric with its labels.
CREATE TABLE series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The probe that scrapes it.
    scrape_id uuid NOT NULL REFERENCES pack_item,
    name text NOT NULL,
    labels jsonb NOT NULL,
    UNIQUE (scrape_id, name, labels)
);

-- Each value as it was scraped, for as long as a rule's window may be.
CREATE TABLE series_point (
    series_id bigint NOT NULL REFERENCES series,
    at timestamptz NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (series_id, at)
);

-- Five minutes each, for 30 days. A bucket of a histogram is a series of its own, so that what adds up are counts
-- of buckets. There is no average.
CREATE TABLE series_step (
    series_id bigint NOT NULL REFERENCES series,
    at timestamptz NOT NULL,
    points integer NOT NULL CHECK (points > 0),
    -- By how much a counter grew, with what it grew by after it was set back.
    increase double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    last double precision NOT NULL,
    PRIMARY KEY (series_id, at)
);

GRANT SELECT, INSERT, DELETE ON series, series_point TO signalbox_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON series_step TO signalbox_app;
GRANT SELECT ON series, series_point, series_step TO signalbox_auditor;
