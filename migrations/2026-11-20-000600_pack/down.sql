DROP TABLE pack_item;
DROP TABLE pack;
