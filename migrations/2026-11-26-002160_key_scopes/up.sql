-- What programs hand in: logs, values of indicators and events; and what Prometheus and its friends do, which is to
-- report alerts and to silence them for as long as one person may.
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_closed CHECK (
    cardinality(scopes) > 0
    AND scopes <@ ARRAY['subjects:write', 'cases:read', 'alerts:read', 'alerts:acknowledge', 'alerts:write',
        'alerts:silence', 'logs:write', 'indicators:write', 'events:write', 'audit:read', 'display']
    AND (scopes = ARRAY['display'] OR NOT 'display' = ANY (scopes))
);
