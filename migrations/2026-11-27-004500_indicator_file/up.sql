-- The file that shows a value: its bytes stand with the other files and go when their time is over, the hash stays.
ALTER TABLE indicator_claim
    ADD COLUMN file_id uuid,
    ADD COLUMN file_bytes bigint CHECK (file_bytes >= 0),
    ADD CONSTRAINT indicator_claim_file CHECK ((file_id IS NULL) = (file_bytes IS NULL)
        AND (file_id IS NULL OR evidence_sha256 IS NOT NULL));
