ALTER TABLE provider_journey DROP COLUMN issuer;
