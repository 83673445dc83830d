-- When whoever a pack names was told that a window is coming, and that it was called off.
ALTER TABLE maintenance_window ADD COLUMN told_at timestamptz;
ALTER TABLE maintenance_window ADD COLUMN told_off_at timestamptz CHECK (told_off_at IS NULL OR told_at IS NOT NULL);
