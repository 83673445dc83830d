-- Whose an alert is: that somebody is to see to it, which is not yet that they have it in hand.
ALTER TABLE alert ADD COLUMN assigned_to uuid REFERENCES person;
ALTER TABLE alert ADD COLUMN assigned_name text;
ALTER TABLE alert ADD COLUMN assigned_at timestamptz;
ALTER TABLE alert ADD CONSTRAINT alert_assigned_whole
    CHECK ((assigned_to IS NULL) = (assigned_name IS NULL) AND (assigned_to IS NULL) = (assigned_at IS NULL));
CREATE INDEX alert_assigned ON alert (assigned_to) WHERE assigned_to IS NOT NULL AND status = 'firing';

-- A silence of one alert as it is: what is worse is told.
ALTER TABLE silence ADD COLUMN snooze boolean NOT NULL DEFAULT false;
ALTER TABLE silence ADD CONSTRAINT silence_snooze_of_one CHECK (NOT snooze OR fingerprint IS NOT NULL);
