-- Who the data belongs to, who may come in, and what they changed.

CREATE TABLE tenants (
    id         text PRIMARY KEY CONSTRAINT tenants_id_is_a_slug CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- ADMIN_TOKEN and the environment's Gong connection belong to this one.
INSERT INTO tenants (id, name) VALUES ('default', 'Default');

CREATE TABLE tokens (
    id           uuid PRIMARY KEY,
    tenant_id    text NOT NULL REFERENCES tenants,
    name         text NOT NULL,
    role         text NOT NULL CONSTRAINT tokens_role_known CHECK (role IN ('admin', 'producer', 'viewer')),
    -- SHA-256 of a random token: it is only compared, so it need not be readable.
    token_hash   bytea NOT NULL CONSTRAINT tokens_hash_unique UNIQUE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Every admin change, written in the transaction of the change itself.
CREATE TABLE admin_audit (
    id        uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    address   text,
    action    text NOT NULL,
    object    text NOT NULL,
    -- Secrets are redacted before they come here.
    before    jsonb,
    after     jsonb
);
CREATE INDEX admin_audit_by_tenant ON admin_audit (tenant_id, id DESC);
