-- A version is proposed with a reason and approved by somebody else, who approves exactly what was
-- proposed: the hash of the whole proposal stands beside both acts.
ALTER TABLE policy ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE policy ADD COLUMN payload_sha256 bytea CHECK (octet_length(payload_sha256) = 32);
ALTER TABLE policy ADD COLUMN approved_sha256 bytea;
ALTER TABLE policy ADD COLUMN withdrawn_by text;
ALTER TABLE policy ADD COLUMN withdrawn_at timestamptz;
ALTER TABLE policy ADD CONSTRAINT policy_payload
    CHECK (proposed_by = 'release' OR payload_sha256 IS NOT NULL);
ALTER TABLE policy ADD CONSTRAINT policy_approved_payload
    CHECK (approved_by IS NULL OR approved_sha256 IS NOT DISTINCT FROM payload_sha256);
ALTER TABLE policy ADD CONSTRAINT policy_one_end CHECK (approved_by IS NULL OR withdrawn_by IS NULL);
ALTER TABLE policy ADD CONSTRAINT policy_withdrawal
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL));
-- One proposal of a key at a time, so that nobody approves beside another change.
CREATE UNIQUE INDEX policy_one_proposal ON policy (key)
    WHERE approved_by IS NULL AND withdrawn_by IS NULL;

-- Whoever holds the application's connection cannot put a version in force alone.
CREATE FUNCTION policy_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.approved_by IS NOT NULL OR NEW.withdrawn_by IS NOT NULL OR NEW.proposed_by = 'release')
            AND NOT pg_has_role(current_user,
                (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
        THEN
            RAISE EXCEPTION 'a version of a policy is proposed first' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'policy_proposed_first';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.approved_by IS NOT NULL OR OLD.withdrawn_by IS NOT NULL THEN
        RAISE EXCEPTION 'a version of a policy is answered once' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'policy_answered_once';
    END IF;
    IF (NEW.key, NEW.version, NEW.effective_from, NEW.value, NEW.reason, NEW.proposed_by,
            NEW.proposed_at, NEW.payload_sha256)
        IS DISTINCT FROM (OLD.key, OLD.version, OLD.effective_from, OLD.value, OLD.reason,
            OLD.proposed_by, OLD.proposed_at, OLD.payload_sha256)
    THEN
        RAISE EXCEPTION 'a version of a policy never changes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'policy_never_changes';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER policy_is_kept BEFORE INSERT OR UPDATE ON policy
    FOR EACH ROW EXECUTE FUNCTION policy_is_kept();

GRANT UPDATE (approved_sha256, withdrawn_by, withdrawn_at) ON policy TO signalbox_app;
