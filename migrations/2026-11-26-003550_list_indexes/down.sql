DROP INDEX checklist_run_order, checklist_run_platform_order, checklist_run_ended, release_order,
    release_ended, incident_review_due, incident_cause_resolved, digest_order, maintenance_window_begun;
