-- What a platform's day or week came to, as it was reckoned when it was over. Nothing in it is changed.
CREATE TABLE digest (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    kind text NOT NULL CHECK (kind IN ('daily', 'weekly')),
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL CHECK (to_at > from_at),
    made_at timestamptz NOT NULL CHECK (made_at >= to_at),
    figures jsonb NOT NULL,
    -- One of a period, whoever makes it.
    UNIQUE (platform_id, kind, to_at)
);

GRANT SELECT, INSERT ON digest TO signalbox_app;
GRANT SELECT ON digest TO signalbox_auditor;
