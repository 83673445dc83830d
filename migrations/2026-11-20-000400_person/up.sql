-- Who signs in. A person either acts or watches, for good: auditors read everything and therefore
-- hold no role that changes anything. person_role carries the same flag, derived from the role, and
-- the foreign key over both columns makes a mixed person impossible.
CREATE TABLE person (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(btrim(email)) AND position('@' IN email) > 1),
    name text NOT NULL CHECK (name <> ''),
    zone text NOT NULL DEFAULT 'UTC',
    acts boolean NOT NULL,
    demo boolean NOT NULL DEFAULT false,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (id, acts)
);

CREATE TABLE person_role (
    person_id uuid NOT NULL REFERENCES person (id),
    role text NOT NULL CHECK (role IN ('operator', 'reviewer', 'compliance', 'auditor', 'administrator')),
    acts boolean NOT NULL GENERATED ALWAYS AS (role <> 'auditor') STORED,
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, role),
    CONSTRAINT auditors_do_not_act FOREIGN KEY (person_id, acts) REFERENCES person (id, acts)
);

COMMENT ON COLUMN person_role.granted_by IS 'The actor as the audit log writes it; the command line cannot be a foreign key.';

GRANT SELECT, INSERT, UPDATE ON person TO signalbox_app;
GRANT SELECT, INSERT, DELETE ON person_role TO signalbox_app;
GRANT SELECT ON person, person_role TO signalbox_auditor;
