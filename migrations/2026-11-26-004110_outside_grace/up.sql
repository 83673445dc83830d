-- Until when an alert of another program stays lit that was not sent again because nobody was there to take it.
ALTER TABLE outside_alert ADD COLUMN grace_until timestamptz;
