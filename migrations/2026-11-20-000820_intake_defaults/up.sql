-- Whose customers a file holds when nobody says: of the platforms that ship, FinAegis is the one
-- that asks for know-your-customer reviews (FA-23).
SELECT install_policy('intake.defaults', '{"platform": "finaegis"}');
