ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_closed;
-- Keys for what is new may be there already. They stay, and a program that knows none of it lets none of them in.
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK (
    cardinality(scopes) > 0
    AND scopes <@ ARRAY['subjects:write', 'cases:read', 'alerts:read', 'alerts:acknowledge', 'audit:read', 'display']
    AND (scopes = ARRAY['display'] OR NOT 'display' = ANY (scopes))
) NOT VALID;
