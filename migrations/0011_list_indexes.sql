-- What lists are filtered by, so that what is rare is found as fast as what is frequent.
--
-- Not CONCURRENTLY, which would wait for the replicas that start at the same moment and wait for the migrator. Building the
-- ones on deliveries holds up their writers for about four seconds a million rows.

-- Deliveries that are settled, of a tenant or an endpoint: each kind of event by itself, so that kinds can be hopped through.
-- Written once in a delivery's life, when it is settled.
CREATE INDEX deliveries_settled ON deliveries (tenant_id, status, event_type, id DESC)
    WHERE status IN ('sent', 'failed', 'filtered');
CREATE INDEX deliveries_settled_by_endpoint ON deliveries (endpoint_id, status, event_type, id DESC)
    WHERE status IN ('sent', 'failed', 'filtered');
-- Those that are not, which are few.
CREATE INDEX deliveries_waiting ON deliveries (tenant_id, id DESC) WHERE status IN ('pending', 'retrying');

CREATE INDEX runs_by_state ON runs (tenant_id, state, id DESC);
CREATE INDEX admin_audit_by_action ON admin_audit (tenant_id, action, id DESC);
CREATE INDEX admin_audit_by_object ON admin_audit (tenant_id, object, id DESC);
