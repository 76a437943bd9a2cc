-- Only for the lists of a tenant. In its condition also the tenant, which its lists name and the claim of an endpoint's due
-- deliveries does not: while the statistics know of nothing that waits, the planner takes this index for as good as
-- deliveries_due, and each claim then reads all that waits for any endpoint.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (tenant_id, id DESC)
    WHERE status IN ('pending', 'retrying') AND tenant_id IS NOT NULL;
