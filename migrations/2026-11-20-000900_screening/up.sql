-- A version of a list, as it was loaded. Never altered afterwards.
CREATE TABLE screening_list (
    id uuid PRIMARY KEY,
    source text NOT NULL CHECK (source ~ '^[a-z][a-z0-9-]{0,30}$'),
    version integer NOT NULL CHECK (version > 0),
    published date NOT NULL,
    loaded_at timestamptz NOT NULL,
    loaded_by text NOT NULL,
    -- Over the bytes of all files, in the order of their names.
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    people integer NOT NULL CHECK (people >= 0),
    companies integer NOT NULL CHECK (companies >= 0),
    vessels integer NOT NULL CHECK (vessels >= 0),
    aircraft integer NOT NULL CHECK (aircraft >= 0),
    names integer NOT NULL CHECK (names >= 0),
    added integer NOT NULL CHECK (added >= 0),
    changed integer NOT NULL CHECK (changed >= 0),
    removed integer NOT NULL CHECK (removed >= 0),
    warnings integer NOT NULL CHECK (warnings >= 0),
    -- The demo's list. Pages say so wherever it appears.
    invented boolean NOT NULL,
    UNIQUE (source, version)
);

-- What a list said of somebody, from one version until another. A change closes the row and opens
-- a new one, so that a hit can always show what it was made from.
CREATE TABLE screening_entry (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('person', 'company', 'vessel', 'aircraft')),
    content jsonb NOT NULL,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    since_version integer NOT NULL,
    until_version integer CHECK (until_version > since_version),
    FOREIGN KEY (source, since_version) REFERENCES screening_list (source, version)
);
CREATE UNIQUE INDEX screening_entry_current ON screening_entry (source, reference)
    WHERE until_version IS NULL;

-- A subject that an entry fits. What matched is sealed under the subject's key.
CREATE TABLE screening_hit (
    id uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform (id),
    subject_id uuid NOT NULL REFERENCES subject (id),
    source text NOT NULL,
    reference text NOT NULL,
    entry_id uuid NOT NULL REFERENCES screening_entry (id),
    list_version integer NOT NULL,
    score smallint NOT NULL CHECK (score BETWEEN 0 AND 1000),
    -- Exact name and exact date of birth.
    exact boolean NOT NULL,
    explanation bytea NOT NULL,
    -- The subject's content as it was compared: keyed, as intake keeps it.
    subject_hash bytea NOT NULL CHECK (octet_length(subject_hash) = 32),
    entry_hash bytea NOT NULL CHECK (octet_length(entry_hash) = 32),
    status text NOT NULL CHECK (status IN
        ('open', 'proposed', 'needs_information', 'confirmed', 'dismissed', 'withdrawn')),
    found_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    -- A confirmed hit has to be reported by then.
    report_due date,
    UNIQUE (subject_id, source, reference),
    CHECK (report_due IS NULL OR status = 'confirmed')
);
CREATE INDEX screening_hit_undecided ON screening_hit (subject_id)
    WHERE status IN ('open', 'proposed', 'needs_information');
CREATE INDEX screening_hit_entry ON screening_hit (entry_id);

-- What was decided about a hit, on the contents that it was decided on.
CREATE TABLE screening_disposition (
    id uuid PRIMARY KEY,
    hit_id uuid NOT NULL REFERENCES screening_hit (id),
    outcome text NOT NULL CHECK (outcome IN ('confirmed', 'dismissed', 'needs_information')),
    reason text NOT NULL,
    note bytea NOT NULL,
    subject_hash bytea NOT NULL,
    entry_hash bytea NOT NULL,
    two_people boolean NOT NULL,
    payload_hash bytea NOT NULL CHECK (octet_length(payload_hash) = 32),
    state text NOT NULL CHECK (state IN ('proposed', 'effective', 'refused', 'void')),
    proposer_id uuid NOT NULL,
    proposed_at timestamptz NOT NULL,
    approver_id uuid,
    approved_at timestamptz,
    CONSTRAINT screening_disposition_four_eyes CHECK (approver_id <> proposer_id),
    CONSTRAINT screening_disposition_second_person
        CHECK (state <> 'effective' OR NOT two_people OR approver_id IS NOT NULL),
    CONSTRAINT screening_disposition_confirmed CHECK (outcome <> 'confirmed' OR two_people),
    CHECK ((approver_id IS NULL) = (approved_at IS NULL))
);
CREATE UNIQUE INDEX screening_disposition_one ON screening_disposition (hit_id)
    WHERE state IN ('proposed', 'effective');
CREATE INDEX screening_disposition_awaiting ON screening_disposition (proposed_at, id)
    WHERE state = 'proposed';

SELECT install_policy('kyc.screening', '{
    "hit_at": 850,
    "two_people_at": 930,
    "list_stale_days": 30,
    "report_business_days": 10
}');

GRANT SELECT, INSERT ON screening_list TO signalbox_app;
GRANT SELECT, INSERT ON screening_entry TO signalbox_app;
GRANT UPDATE (until_version) ON screening_entry TO signalbox_app;
GRANT SELECT, INSERT, UPDATE ON screening_hit, screening_disposition TO signalbox_app;
GRANT SELECT ON screening_list, screening_entry, screening_hit, screening_disposition
    TO signalbox_auditor;
