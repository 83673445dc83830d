-- What comes and goes of what other programs say: when it last came and went, since when its lamp is held lit, and whether
-- it is there at present.
CREATE TABLE outside_flap (
    platform_id uuid NOT NULL REFERENCES platform,
    fingerprint text NOT NULL,
    turns timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(turns) <= 1000),
    held_since timestamptz,
    is_on boolean,
    PRIMARY KEY (platform_id, fingerprint),
    CONSTRAINT outside_flap_whole CHECK ((held_since IS NULL) = (is_on IS NULL))
);
CREATE INDEX outside_flap_held ON outside_flap (platform_id, fingerprint) WHERE held_since IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON outside_flap TO signalbox_app;
GRANT SELECT ON outside_flap TO signalbox_auditor;
