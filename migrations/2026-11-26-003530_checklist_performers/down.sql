DROP TRIGGER checklist_performers_are_whole ON checklist_run;
DROP FUNCTION checklist_performers_are_whole();
