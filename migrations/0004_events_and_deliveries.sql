-- Facts that happened, where they go, and how each try went. The log is the queue: a delivery is claimed where it stands.

CREATE TABLE events (
    id          uuid PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants,
    type        text NOT NULL,
    intent      text,
    -- What the event is about (a call, a reservation): the key of ordered delivery.
    subject     text,
    -- What goes out; no e-mail address and no phone number.
    data        jsonb NOT NULL,
    -- The id that another program gave it, for events raised through the API.
    external_id text,
    source_id   uuid REFERENCES sources,
    -- An inbound callback as it came, byte for byte.
    callback    bytea,
    run_id      uuid,
    trace_id    text NOT NULL,
    -- When the cause reached us: the start of the five-minute promise.
    origin_at   timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT events_external_id_unique UNIQUE (tenant_id, external_id)
);
CREATE INDEX events_by_tenant ON events (tenant_id, id DESC);
-- What a call's events are found by, when it turns private.
CREATE INDEX events_by_subject ON events (tenant_id, subject) WHERE subject IS NOT NULL;

CREATE TABLE endpoints (
    id                    uuid PRIMARY KEY,
    tenant_id             text NOT NULL REFERENCES tenants,
    kind                  text NOT NULL CONSTRAINT endpoints_kind_known CHECK (kind IN ('slack', 'email', 'webhook')),
    name                  text NOT NULL,
    -- Sealed JSON of target, secret and headers: a Slack URL is a credential, a mailbox is personal data.
    sealed                bytea NOT NULL,
    has_secret            boolean NOT NULL,
    enabled               boolean NOT NULL DEFAULT true,
    filter_events         text[] NOT NULL DEFAULT '{}',
    filter_intents        text[] NOT NULL DEFAULT '{}',
    rate_limit_per_minute integer,
    ordered               boolean NOT NULL DEFAULT false,
    -- Health. "failing since" is the first failure after the last success.
    consecutive_failures  integer NOT NULL DEFAULT 0,
    failing_since         timestamptz,
    last_success_at       timestamptz,
    last_failure_at       timestamptz,
    disabled_reason       text,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    -- Its history stays readable, so the row stays.
    deleted_at            timestamptz
);
CREATE INDEX endpoints_by_tenant ON endpoints (tenant_id, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE deliveries (
    id               uuid PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES tenants,
    event_id         uuid NOT NULL REFERENCES events,
    endpoint_id      uuid NOT NULL REFERENCES endpoints,
    event_type       text NOT NULL,
    intent           text,
    subject          text,
    status           text NOT NULL CONSTRAINT deliveries_status_known
                     CHECK (status IN ('pending', 'retrying', 'sent', 'failed', 'filtered')),
    -- Counted when claimed, as in jobs.
    attempt          integer NOT NULL DEFAULT 0,
    -- Attempts that cost no retry, such as a 429 with Retry-After.
    free_attempts    integer NOT NULL DEFAULT 0,
    ready_at         timestamptz NOT NULL,
    claim_id         uuid,
    last_status_code integer,
    last_error       text,
    duration_ms      bigint,
    created_at       timestamptz NOT NULL,
    sent_at          timestamptz,
    -- One event, one delivery per endpoint, however often it is raised again.
    CONSTRAINT deliveries_once UNIQUE (event_id, endpoint_id)
);
-- The hot one: only what is still to be sent, found per endpoint so that a long backlog of one hides no other.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, ready_at) WHERE status IN ('pending', 'retrying');
CREATE INDEX deliveries_claimed ON deliveries (endpoint_id) WHERE claim_id IS NOT NULL;
CREATE INDEX deliveries_by_tenant ON deliveries (tenant_id, id DESC);
-- What is looked for when something is wrong, however much went well.
CREATE INDEX deliveries_failed ON deliveries (tenant_id, id DESC) WHERE status = 'failed';

CREATE TABLE delivery_attempts (
    delivery_id      uuid NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    tenant_id        text NOT NULL REFERENCES tenants,
    number           integer NOT NULL,
    started_at       timestamptz NOT NULL,
    duration_ms      bigint NOT NULL,
    status_code      integer,
    error            text,
    response_excerpt text,
    PRIMARY KEY (delivery_id, number)
);
