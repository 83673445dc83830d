-- How much of a limit was in use, day by day of its platform.
CREATE TABLE capacity_day (
    capacity_id uuid NOT NULL REFERENCES pack_item,
    day date NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    last double precision NOT NULL,
    last_at timestamptz NOT NULL,
    readings integer NOT NULL CHECK (readings > 0),
    -- Invented history of the demo.
    demo boolean NOT NULL,
    PRIMARY KEY (capacity_id, day),
    CONSTRAINT capacity_day_is_in_order CHECK (low <= last AND last <= high)
);
CREATE INDEX capacity_day_age ON capacity_day (day);

GRANT SELECT, INSERT, UPDATE, DELETE ON capacity_day TO signalbox_app;
GRANT SELECT ON capacity_day TO signalbox_auditor;
