ALTER TABLE sign_in_throttle DROP COLUMN refused;
