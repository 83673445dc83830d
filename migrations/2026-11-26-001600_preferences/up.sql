-- How somebody wants the pages. They are read with every request, so they stand where the request looks anyway.
ALTER TABLE person
    ADD COLUMN theme text NOT NULL DEFAULT 'system' CHECK (theme IN ('system', 'light', 'dark')),
    ADD COLUMN shortcuts boolean NOT NULL DEFAULT true,
    -- Whether open pages renew themselves, and announce what is new.
    ADD COLUMN live boolean NOT NULL DEFAULT true;
