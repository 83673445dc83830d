-- One row: how far the application has held the main log against its own tree, and what it found.
CREATE TABLE log_check (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- The first event that the next turn looks at.
    next_idx bigint NOT NULL CHECK (next_idx >= 0),
    checked_at timestamptz NOT NULL,
    -- When it last came to the end.
    whole_at timestamptz,
    -- What was wrong; nothing where everything held.
    finding text CHECK (length(finding) BETWEEN 1 AND 500)
);

GRANT SELECT, INSERT, UPDATE ON log_check TO signalbox_app;
GRANT SELECT ON log_check TO signalbox_auditor;
