-- Which files were looked at last: others are looked at for the first time, and begin at their end.
ALTER TABLE log_source ADD COLUMN files text;
