-- Rows about customers show themselves only in a transaction that has said on whose behalf it works. Forced, so that it
-- holds for the owner too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['subject_key', 'intake_rejection', 'audit_detail'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I
            USING ((SELECT nullif(current_setting(''app.actor'', true), '''')) IS NOT NULL)', name || '_named', name);
    END LOOP;
END
$$;
-- The auditor's role reads what it is granted under its own name, which is context enough.
CREATE POLICY auditor ON intake_rejection FOR SELECT TO signalbox_auditor USING (true);
CREATE POLICY auditor ON audit_detail FOR SELECT TO signalbox_auditor USING (true);
