DROP TABLE pack_revision;
DROP TABLE pack_change;
DROP FUNCTION pack_change_is_kept();
