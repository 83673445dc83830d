-- Thresholds, clocks and weights: rows with a date, never constants. A version is never changed.
CREATE TABLE policy (
    key text NOT NULL CHECK (key ~ '^[a-z_]+(\.[a-z_]+)+$'),
    version integer NOT NULL CHECK (version > 0),
    effective_from timestamptz NOT NULL,
    value jsonb NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    PRIMARY KEY (key, version),
    CONSTRAINT policy_four_eyes CHECK (approved_by <> proposed_by),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);
CREATE INDEX policy_in_force ON policy (key, effective_from DESC, version DESC)
    WHERE approved_by IS NOT NULL;

-- What a release ships with: proposed by the release, approved by whoever installs it.
CREATE FUNCTION install_policy(policy_key text, policy_value jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO policy (key, version, effective_from, value,
                        proposed_by, proposed_at, approved_by, approved_at)
    VALUES (policy_key, 1, 'epoch', policy_value,
            'release', now(), 'command_line:migrate', now());
$$;
REVOKE EXECUTE ON FUNCTION install_policy FROM PUBLIC;

GRANT SELECT, INSERT ON policy TO signalbox_app;
GRANT UPDATE (approved_by, approved_at) ON policy TO signalbox_app;
GRANT SELECT ON policy TO signalbox_auditor;
