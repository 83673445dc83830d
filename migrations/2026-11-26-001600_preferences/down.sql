ALTER TABLE person
    DROP COLUMN theme,
    DROP COLUMN shortcuts,
    DROP COLUMN live;
