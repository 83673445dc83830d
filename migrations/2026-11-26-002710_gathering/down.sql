ALTER TABLE notice DROP COLUMN told_with, DROP COLUMN gather;
