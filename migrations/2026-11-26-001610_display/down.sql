DROP TABLE display;
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
-- A key for screens may be there already. It is never removed, and a program that knows no such scope opens nothing.
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK (
    cardinality(scopes) > 0
    AND scopes <@ ARRAY['subjects:write', 'cases:read', 'alerts:read', 'alerts:acknowledge', 'audit:read']
) NOT VALID;
