DROP TABLE break_glass_use;
DROP FUNCTION break_glass_use_is_kept;
ALTER TABLE person DROP COLUMN break_glass;
