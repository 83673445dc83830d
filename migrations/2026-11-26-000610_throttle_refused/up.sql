-- Tries that a block has turned away. While there are none, the right secret lifts the block that its own try began.
ALTER TABLE sign_in_throttle ADD COLUMN refused integer NOT NULL DEFAULT 0 CHECK (refused >= 0);
