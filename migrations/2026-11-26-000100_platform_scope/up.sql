-- A role may be granted for some platforms only. `limited` stands apart from the list, so that a list
-- that has become empty reaches nothing rather than everything.
ALTER TABLE person_role ADD COLUMN limited boolean NOT NULL DEFAULT false;

CREATE TABLE person_role_platform (
    person_id uuid NOT NULL,
    role text NOT NULL,
    platform_id uuid NOT NULL REFERENCES platform (id),
    PRIMARY KEY (person_id, role, platform_id),
    FOREIGN KEY (person_id, role) REFERENCES person_role (person_id, role) ON DELETE CASCADE
);

-- The switch of the top bar, for the length of a session. Nothing means all platforms.
ALTER TABLE session ADD COLUMN platform_id uuid REFERENCES platform (id);

GRANT SELECT, INSERT, DELETE ON person_role_platform TO signalbox_app;
GRANT SELECT ON person_role_platform TO signalbox_auditor;

-- How much waits in the queue of one platform.
CREATE INDEX review_case_waiting ON review_case (platform_id, due_at, id) WHERE closed_at IS NULL;
