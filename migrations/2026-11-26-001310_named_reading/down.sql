DROP POLICY auditor ON audit_detail;
DROP POLICY auditor ON intake_rejection;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['subject_key', 'intake_rejection', 'audit_detail'] LOOP
        EXECUTE format('DROP POLICY %I ON %I', name || '_named', name);
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', name);
    END LOOP;
END
$$;
