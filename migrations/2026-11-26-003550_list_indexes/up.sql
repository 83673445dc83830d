-- Each list of checklists, releases and incidents by an index of its own, as they are kept for years; and what is looked
-- for every few seconds.
CREATE INDEX checklist_run_order ON checklist_run (slot DESC, id DESC);
CREATE INDEX checklist_run_platform_order ON checklist_run (platform_id, slot DESC, id DESC);
CREATE INDEX checklist_run_ended ON checklist_run (platform_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX release_order ON release (proposed_at DESC, id DESC);
CREATE INDEX release_ended ON release (platform_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX incident_review_due ON incident (review_due_at) WHERE review_due_at IS NOT NULL;
CREATE INDEX incident_cause_resolved ON incident (cause, resolved_at DESC) WHERE resolved_at IS NOT NULL;
CREATE INDEX digest_order ON digest (to_at DESC, id DESC);
CREATE INDEX maintenance_window_begun ON maintenance_window (starts_at) WHERE item_id IS NOT NULL;
