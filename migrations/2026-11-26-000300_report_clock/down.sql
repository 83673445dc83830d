DROP TRIGGER screening_hit_guard ON screening_hit;
DROP FUNCTION screening_hit_guard;
DROP INDEX screening_hit_report;
UPDATE screening_hit SET report_due = NULL WHERE status <> 'confirmed';
ALTER TABLE screening_hit
    DROP COLUMN two_people_at,
    DROP COLUMN report_reference,
    DROP COLUMN reported_at,
    DROP COLUMN confirmed_at,
    ADD CONSTRAINT screening_hit_check CHECK (report_due IS NULL OR status = 'confirmed');
