-- Business days as the American authorities count them: where their day begins, and the days on which both the federal
-- offices and the Federal Reserve Banks are closed. A day on which only one of them is (a Friday before a holiday that
-- falls on a Saturday) counts as a business day, so that no deadline is ever put too late.
SELECT install_policy('calendar.us', '{
    "zone": "America/New_York",
    "holidays": [
        "2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-09-07",
        "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25",
        "2027-01-01", "2027-01-18", "2027-02-15", "2027-05-31", "2027-07-05", "2027-09-06",
        "2027-10-11", "2027-11-11", "2027-11-25"
    ]
}');
