-- A change of somebody's access that is not in the safe direction: one administrator proposes it,
-- another one approves exactly that. Command-line acts need no proposal and stand in the audit log.
CREATE TABLE person_proposal (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    kind text NOT NULL CHECK (kind IN ('grant', 'enable', 'reset_factors', 'recovery')),
    payload jsonb NOT NULL,
    payload_sha256 bytea NOT NULL CHECK (octet_length(payload_sha256) = 32),
    reason text NOT NULL CHECK (btrim(reason) <> '' AND length(reason) <= 2000),
    confirmation bytea CHECK (octet_length(confirmation) = 32),
    proposed_by uuid NOT NULL REFERENCES person (id),
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > proposed_at),
    decision text CHECK (decision IN ('approved', 'refused', 'withdrawn')),
    decided_by uuid REFERENCES person (id),
    decided_at timestamptz,
    decided_sha256 bytea,
    CHECK ((decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)),
    CHECK ((kind = 'recovery') = (confirmation IS NOT NULL)),
    CONSTRAINT person_proposal_four_eyes CHECK (decision <> 'approved' OR decided_by <> proposed_by),
    CONSTRAINT person_proposal_not_oneself CHECK (decision <> 'approved' OR decided_by <> person_id),
    CONSTRAINT person_proposal_of_another CHECK (kind = 'grant' OR proposed_by <> person_id),
    CONSTRAINT person_proposal_withdrawal CHECK (decision <> 'withdrawn' OR decided_by = proposed_by),
    CONSTRAINT person_proposal_payload
        CHECK (decision <> 'approved' OR decided_sha256 IS NOT DISTINCT FROM payload_sha256),
    CONSTRAINT person_proposal_in_time CHECK (decision <> 'approved' OR decided_at < expires_at)
);
CREATE INDEX person_proposal_person ON person_proposal (person_id, proposed_at DESC);
CREATE INDEX person_proposal_open ON person_proposal (expires_at) WHERE decision IS NULL;

COMMENT ON COLUMN person_proposal.confirmation IS
    'Keyed hash of the code that the proposer gives to the person: the other half of a recovery link.';

CREATE FUNCTION person_proposal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.decision IS NOT NULL THEN
            RAISE EXCEPTION 'access is proposed first' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'person_proposal_first';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.decision IS NOT NULL THEN
        RAISE EXCEPTION 'a proposal is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'person_proposal_once';
    END IF;
    IF (NEW.id, NEW.person_id, NEW.kind, NEW.payload, NEW.payload_sha256, NEW.reason, NEW.confirmation,
            NEW.proposed_by, NEW.proposed_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.id, OLD.person_id, OLD.kind, OLD.payload, OLD.payload_sha256, OLD.reason,
            OLD.confirmation, OLD.proposed_by, OLD.proposed_at, OLD.expires_at)
    THEN
        RAISE EXCEPTION 'a proposal never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'person_proposal_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER person_proposal_is_kept BEFORE INSERT OR UPDATE ON person_proposal
    FOR EACH ROW EXECUTE FUNCTION person_proposal_is_kept();

-- A grant counts from its start until its end. It says why it was given, who asked for it and who agreed.
ALTER TABLE person_role ADD COLUMN starts_at timestamptz;
ALTER TABLE person_role ADD COLUMN ends_at timestamptz;
ALTER TABLE person_role ADD COLUMN reason text NOT NULL DEFAULT 'Given before grants had reasons';
ALTER TABLE person_role ADD COLUMN proposed_by text;
ALTER TABLE person_role ADD COLUMN proposal_id uuid REFERENCES person_proposal (id);
-- What an auditor is shown: the events of these days, and cases of these queues. Nothing means all.
ALTER TABLE person_role ADD COLUMN log_from timestamptz;
ALTER TABLE person_role ADD COLUMN log_until timestamptz;
ALTER TABLE person_role ADD COLUMN queues text[];
UPDATE person_role SET starts_at = granted_at;
UPDATE person_role SET ends_at = starts_at + interval '365 days' WHERE role = 'auditor';
ALTER TABLE person_role ALTER COLUMN starts_at SET NOT NULL;
ALTER TABLE person_role ALTER COLUMN reason DROP DEFAULT;
ALTER TABLE person_role ADD CONSTRAINT person_role_reason CHECK (btrim(reason) <> '');
ALTER TABLE person_role ADD CONSTRAINT person_role_time CHECK (ends_at > starts_at);
ALTER TABLE person_role ADD CONSTRAINT auditors_are_time_boxed
    CHECK (role <> 'auditor' OR (ends_at IS NOT NULL AND ends_at <= starts_at + interval '366 days'));
ALTER TABLE person_role ADD CONSTRAINT only_auditors_are_scoped
    CHECK (role = 'auditor' OR (log_from IS NULL AND log_until IS NULL AND queues IS NULL));
ALTER TABLE person_role ADD CONSTRAINT person_role_log CHECK (log_until > log_from);

-- Whoever holds the application's connection gives no role that two administrators have not agreed on,
-- unless they say that they are the command line, which the log then says of them.
CREATE FUNCTION person_role_is_granted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.granted_by NOT LIKE 'command_line:%' AND NOT EXISTS (
        SELECT FROM person_proposal p
        WHERE p.id = NEW.proposal_id AND p.kind = 'grant' AND p.person_id = NEW.person_id
            AND p.decision = 'approved' AND p.payload->'roles' ? NEW.role
            AND NEW.proposed_by = 'person:' || p.proposed_by AND NEW.granted_by = 'person:' || p.decided_by)
    THEN
        RAISE EXCEPTION 'a role is granted by two administrators' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'person_role_second_administrator';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER person_role_is_granted BEFORE INSERT ON person_role
    FOR EACH ROW EXECUTE FUNCTION person_role_is_granted();

-- What somebody held before: taken away, replaced, or over.
CREATE TABLE person_role_past (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id),
    role text NOT NULL,
    starts_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    reason text NOT NULL,
    granted_by text NOT NULL,
    ended_by text NOT NULL,
    end_reason text NOT NULL CHECK (btrim(end_reason) <> '')
);
CREATE INDEX person_role_past_person ON person_role_past (person_id, ended_at DESC);
GRANT SELECT, INSERT ON person_role_past TO signalbox_app;
GRANT SELECT ON person_role_past TO signalbox_auditor;

-- Shutting somebody out takes one; letting them back in takes two.
ALTER TABLE person ADD COLUMN disabled_by text;
ALTER TABLE person ADD COLUMN disabled_reason text;
CREATE FUNCTION person_is_enabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM person_proposal p
        WHERE p.person_id = NEW.id AND p.kind = 'enable' AND p.decision = 'approved'
            AND p.proposed_at >= OLD.disabled_at)
    THEN
        RAISE EXCEPTION 'a person is enabled by two administrators' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'person_enabled_by_two';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER person_is_enabled BEFORE UPDATE OF disabled_at ON person
    FOR EACH ROW WHEN (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL)
    EXECUTE FUNCTION person_is_enabled();

-- A link that two administrators made opens with the confirmation code as well.
ALTER TABLE enrolment_link ADD COLUMN confirmation bytea CHECK (octet_length(confirmation) = 32);

GRANT SELECT, INSERT ON person_proposal TO signalbox_app;
GRANT UPDATE (decision, decided_by, decided_at, decided_sha256) ON person_proposal TO signalbox_app;
GRANT SELECT ON person_proposal TO signalbox_auditor;
GRANT DELETE ON totp TO signalbox_app;
