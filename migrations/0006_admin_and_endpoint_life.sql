-- What the admin API and the life of an endpoint add: answers that are given twice, tenants that leave, limits, the
-- breaker, order, and calls that are erased.

-- The answer to a creating request that carried an Idempotency-Key, given again when the key is. Sealed: some hold a secret.
CREATE TABLE idempotency_keys (
    tenant_id    text NOT NULL REFERENCES tenants,
    actor        text NOT NULL,
    key          text NOT NULL,
    -- SHA-256 of method, path and body.
    request_hash bytea NOT NULL,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- A tenant that leaves is closed at once; the retention job removes what it had.
ALTER TABLE tenants ADD COLUMN rate_limit_per_minute integer, ADD COLUMN deleted_at timestamptz;
CREATE INDEX tokens_by_tenant ON tokens (tenant_id, id DESC);
CREATE INDEX accounts_by_tenant ON accounts (tenant_id, id DESC);
CREATE INDEX sources_by_tenant ON sources (tenant_id, id DESC);

-- How many deliveries went out in each of the last 61 seconds, for endpoints and tenants that have a limit. The claim
-- locks the row, so the limit holds for all replicas together.
CREATE TABLE delivery_paces (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id   text NOT NULL REFERENCES tenants,
    -- Null for the limit of the whole tenant.
    endpoint_id uuid REFERENCES endpoints,
    per_minute  integer NOT NULL,
    -- The second (Unix time) that the last element counts.
    newest      bigint NOT NULL DEFAULT 0,
    counts      integer[] NOT NULL DEFAULT array_fill(0, ARRAY[61]),
    CONSTRAINT delivery_paces_unique UNIQUE NULLS NOT DISTINCT (tenant_id, endpoint_id)
);

-- The breaker: after too many failures in a row only a probe now and then goes out. Null while it is closed.
ALTER TABLE endpoints ADD COLUMN open_until timestamptz, ADD COLUMN trips integer NOT NULL DEFAULT 0;

-- Order: deliveries of one key to one endpoint go out by position, one at a time. All but the first wait at infinity,
-- out of the claim's sight, until whoever settles the first calls the next.
CREATE SEQUENCE delivery_positions;
ALTER TABLE deliveries ADD COLUMN order_key text, ADD COLUMN position bigint;

-- A call that was erased stays as a bare row, private for ever, so that no repeated callback brings it back.
ALTER TABLE calls ADD COLUMN erased_at timestamptz;

-- A tenant may have several sources now, and the poller beside them: one call makes one run, whoever tells of it.
ALTER TABLE runs DROP CONSTRAINT runs_one_per_call;
ALTER TABLE runs ADD CONSTRAINT runs_one_per_call UNIQUE (tenant_id, call_id, number);
DROP INDEX runs_by_call;

-- Slack takes one message a second from an incoming webhook.
INSERT INTO delivery_paces (tenant_id, endpoint_id, per_minute)
SELECT tenant_id, id, 60 FROM endpoints WHERE kind = 'slack' AND deleted_at IS NULL;
