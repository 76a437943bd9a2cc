-- What each callback and each event pays for.

-- Nothing lists events of a tenant by age.
DROP INDEX events_by_tenant;

-- Only for the list of calls. Partial also so that it is no candidate when one call is looked for: in a database that has no
-- statistics yet the planner takes it for as good as the unique one, and reads all calls of the tenant.
DROP INDEX calls_by_tenant;
CREATE INDEX calls_by_tenant ON calls (tenant_id, id DESC) WHERE erased_at IS NULL;

-- Most events have no id of another program.
ALTER TABLE events DROP CONSTRAINT events_external_id_unique;
CREATE UNIQUE INDEX events_external_id_unique ON events (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Whose a row is was taken from a token, a source or a run, which do refer to their tenant, and tenants are marked as deleted
-- and stay. Asking for the tenant again with each row of these costs a look-up, and transactions that run side by side lock
-- its one row together.
ALTER TABLE calls DROP CONSTRAINT calls_tenant_id_fkey;
ALTER TABLE call_search DROP CONSTRAINT call_search_tenant_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_tenant_id_fkey;
ALTER TABLE jobs DROP CONSTRAINT jobs_tenant_id_fkey;
ALTER TABLE stage_attempts DROP CONSTRAINT stage_attempts_tenant_id_fkey;
ALTER TABLE events DROP CONSTRAINT events_tenant_id_fkey;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_tenant_id_fkey;
ALTER TABLE delivery_attempts DROP CONSTRAINT delivery_attempts_tenant_id_fkey;
ALTER TABLE tallies DROP CONSTRAINT tallies_tenant_id_fkey;
