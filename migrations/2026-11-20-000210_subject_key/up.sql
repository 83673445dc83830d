CREATE TABLE subject_key (
    subject_id uuid PRIMARY KEY,
    wrapped bytea NOT NULL
);

COMMENT ON TABLE subject_key IS 'Each customer''s own key, wrapped by the installation''s. Deleting a row erases the customer.';

GRANT SELECT, INSERT, UPDATE, DELETE ON subject_key TO signalbox_app;
