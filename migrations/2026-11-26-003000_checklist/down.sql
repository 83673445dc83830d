DROP TABLE checklist_evidence;
DROP TABLE checklist_answer;
DROP TABLE checklist_run;
DROP FUNCTION checklist_is_open;
DROP FUNCTION checklist_is_kept;
