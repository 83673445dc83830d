-- The sign of life that we give: one row, so that of any number of processes one gives it.
CREATE TABLE sign_of_life (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- When somebody last looked whether all is well, and what they found.
    looked_at timestamptz NOT NULL,
    said_at timestamptz,
    -- Why it was not given, or what became of giving it.
    trouble text CHECK (length(trouble) <= 300)
);
GRANT SELECT, INSERT, UPDATE ON sign_of_life TO signalbox_app;
GRANT SELECT ON sign_of_life TO signalbox_auditor;
