-- The last assessment of a subject. Contributions are codes and points.
CREATE TABLE kyc_assessment (
    subject_id uuid PRIMARY KEY REFERENCES subject (id),
    score smallint NOT NULL CHECK (score BETWEEN 0 AND 1000),
    band text NOT NULL CHECK (band IN ('low', 'medium', 'high', 'prohibited')),
    contributions jsonb NOT NULL,
    policy_version integer NOT NULL,
    -- Keyed hash of what was assessed, with the lists and the policy: the same again changes nothing.
    basis bytea NOT NULL CHECK (octet_length(basis) = 32),
    assessed_at timestamptz NOT NULL,
    review_at timestamptz NOT NULL
);
CREATE INDEX kyc_assessment_review ON kyc_assessment (review_at, subject_id);

CREATE TABLE review_case (
    id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    platform_id uuid NOT NULL REFERENCES platform (id),
    kind text NOT NULL CHECK (kind IN ('kyc')),
    subject_id uuid NOT NULL REFERENCES subject (id),
    -- What the queue shows of the subject, so that listing cases opens nobody's record.
    external_id text NOT NULL,
    subject_kind text NOT NULL CHECK (subject_kind IN ('person', 'company')),
    status text NOT NULL CHECK (status IN
        ('open', 'proposed', 'needs_information', 'parked', 'approved', 'rejected')),
    band text NOT NULL CHECK (band IN ('low', 'medium', 'high', 'prohibited')),
    score smallint NOT NULL CHECK (score BETWEEN 0 AND 1000),
    contributions jsonb NOT NULL,
    -- The policy under which the case was opened.
    policy_version integer NOT NULL,
    opened_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    closed_at timestamptz,
    claimed_by uuid,
    claimed_until timestamptz,
    parked_until timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CHECK ((status = 'parked') = (parked_until IS NOT NULL)),
    CONSTRAINT review_case_closed
        CHECK ((status IN ('approved', 'rejected')) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX review_case_one_open ON review_case (kind, subject_id)
    WHERE closed_at IS NULL;
-- The queue and its filters: what is due first comes first.
CREATE INDEX review_case_queue ON review_case (due_at, id) WHERE closed_at IS NULL;
CREATE INDEX review_case_status ON review_case (status, due_at, id);
CREATE INDEX review_case_platform ON review_case (platform_id, due_at, id);
CREATE INDEX review_case_mine ON review_case (claimed_by, due_at, id) WHERE claimed_by IS NOT NULL;
CREATE INDEX review_case_subject ON review_case (subject_id);

CREATE TABLE case_decision (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES review_case (id),
    decision text NOT NULL CHECK (decision IN ('approve', 'reject', 'request_information')),
    reasons text[] NOT NULL CHECK (cardinality(reasons) BETWEEN 1 AND 10),
    -- Sealed under the subject's key.
    note bytea NOT NULL,
    -- The version of the case that was decided on, and a hash over the exact payload.
    case_version integer NOT NULL,
    payload_hash bytea NOT NULL CHECK (octet_length(payload_hash) = 32),
    two_people boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'effective', 'refused', 'void')),
    proposer_id uuid NOT NULL,
    proposed_at timestamptz NOT NULL,
    approver_id uuid,
    approved_at timestamptz,
    CONSTRAINT case_decision_four_eyes CHECK (approver_id <> proposer_id),
    CONSTRAINT case_decision_second_person
        CHECK (state <> 'effective' OR NOT two_people OR approver_id IS NOT NULL),
    CHECK ((approver_id IS NULL) = (approved_at IS NULL))
);
CREATE UNIQUE INDEX case_decision_one ON case_decision (case_id)
    WHERE state = 'proposed' OR (state = 'effective' AND decision <> 'request_information');
CREATE INDEX case_decision_awaiting ON case_decision (proposed_at, id) WHERE state = 'proposed';

-- The timeline: everything that happened to a case, notes among it. Insert only.
CREATE TABLE case_step (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES review_case (id),
    at timestamptz NOT NULL,
    person_id uuid,
    -- The version that the step made, so that a stale page can say what it missed.
    case_version integer NOT NULL,
    what text NOT NULL CHECK (what IN
        ('opened', 'reassessed', 'claimed', 'released', 'noted', 'proposed', 'withdrawn', 'refused',
         'approved', 'rejected', 'information_requested', 'parked', 'resumed')),
    -- Sealed under the subject's key.
    note bytea
);
CREATE INDEX case_step_timeline ON case_step (case_id, at, id);

-- The rule that no code path can forget: nobody with a high risk is approved by one person alone,
-- and nobody is approved while a hit is undecided.
CREATE FUNCTION review_case_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'approved' THEN
        IF NOT EXISTS (
            SELECT FROM case_decision d
            WHERE d.case_id = NEW.id AND d.state = 'effective' AND d.decision = 'approve'
              AND (NEW.band NOT IN ('high', 'prohibited') OR d.approver_id IS NOT NULL)
        ) THEN
            RAISE EXCEPTION 'an approved case needs its decision, and a second person at high risk'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_second_person';
        END IF;
        IF EXISTS (
            SELECT FROM screening_hit h
            WHERE h.subject_id = NEW.subject_id
              AND h.status IN ('open', 'proposed', 'needs_information')
        ) THEN
            RAISE EXCEPTION 'a case cannot be approved while a hit is undecided'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'review_case_undecided_hit';
        END IF;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER review_case_guard BEFORE INSERT OR UPDATE ON review_case
    FOR EACH ROW EXECUTE FUNCTION review_case_guard();

SELECT install_policy('kyc.risk', '{
    "geography": {
        "points": {"AF": 250, "BY": 250, "CD": 200, "CF": 200, "CU": 350, "HT": 150, "IQ": 200,
                   "IR": 450, "LB": 200, "LY": 250, "ML": 200, "MM": 350, "NI": 150, "RU": 300,
                   "SD": 300, "SO": 250, "SS": 250, "SY": 450, "VE": 250, "YE": 250, "ZW": 200},
        "prohibited": ["KP"]
    },
    "products": {"crypto_wallet": 120, "private_banking": 120, "trade_finance": 100, "wallet": 40},
    "occupations": [
        {"word": "arms", "points": 250},
        {"word": "casino", "points": 150},
        {"word": "jeweller", "points": 100},
        {"word": "money transmitter", "points": 200},
        {"word": "politician", "points": 80}
    ],
    "pep": 150,
    "screening": {"possible": 300, "exact": 450, "confirmed": 1000},
    "amounts": [
        {"currency": "EUR", "from_minor": "1000000", "points": 60},
        {"currency": "EUR", "from_minor": "5000000", "points": 150},
        {"currency": "GBP", "from_minor": "1000000", "points": 60},
        {"currency": "GBP", "from_minor": "5000000", "points": 150},
        {"currency": "NGN", "from_minor": "1000000000", "points": 60},
        {"currency": "USD", "from_minor": "1000000", "points": 60},
        {"currency": "USD", "from_minor": "5000000", "points": 150}
    ],
    "amount_not_comparable": 40,
    "missing": {"date_of_birth": 40, "country": 60, "id_number": 20},
    "bands": {"medium": 200, "high": 400},
    "due_hours": {"low": 120, "medium": 120, "high": 48, "prohibited": 24},
    "review_months": {"low": 12, "medium": 6, "high": 3, "prohibited": 3}
}');

GRANT SELECT, INSERT, UPDATE ON kyc_assessment, review_case, case_decision TO signalbox_app;
GRANT SELECT, INSERT ON case_step TO signalbox_app;
GRANT SELECT ON kyc_assessment, review_case, case_decision, case_step TO signalbox_auditor;
