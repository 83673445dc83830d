DROP TABLE maintenance_window;
DROP FUNCTION window_is_kept;
