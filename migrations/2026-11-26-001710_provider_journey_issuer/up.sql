-- A subject says who somebody is at one provider only: what it has said must not be taken for another's word, as after
-- a change of the setting. Journeys last ten minutes, and those that are on their way begin again.
DELETE FROM provider_journey;
ALTER TABLE provider_journey
    ADD COLUMN issuer text NOT NULL CHECK (issuer <> '' AND length(issuer) <= 500);
