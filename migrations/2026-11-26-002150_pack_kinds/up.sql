-- Which kinds a pack may define is the format's word, and it grows. Listed here once more, each new kind would
-- have to repeat all others.
ALTER TABLE pack_item DROP CONSTRAINT pack_item_kind_check;
ALTER TABLE pack_item ADD CONSTRAINT pack_item_kind CHECK (kind ~ '^[a-z_]{1,40}$');
