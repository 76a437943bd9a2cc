-- What was said, with whom, and the way each call takes through the pipeline.

CREATE TABLE sources (
    id          uuid PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants,
    kind        text NOT NULL CONSTRAINT sources_kind_known CHECK (kind IN ('gong')),
    name        text NOT NULL,
    public_keys text[] NOT NULL DEFAULT '{}',
    -- Sealed JSON of the URL key and the HMAC secret: both must be used again.
    sealed      bytea,
    created_at  timestamptz NOT NULL,
    deleted_at  timestamptz
);
-- The Gong connection that the environment configures: the nil id, so that code can name it without a look-up.
INSERT INTO sources (id, tenant_id, kind, name, created_at)
VALUES ('00000000-0000-0000-0000-000000000000', 'default', 'gong', 'environment', now());

-- Customers, as an administrator tells us of them.
CREATE TABLE accounts (
    id         uuid PRIMARY KEY,
    tenant_id  text NOT NULL REFERENCES tenants,
    number     text NOT NULL,
    name       text NOT NULL,
    domains    text[] NOT NULL DEFAULT '{}',
    cs_email   text,
    am_email   text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT accounts_number_unique UNIQUE (tenant_id, number)
);
CREATE INDEX accounts_by_domain ON accounts USING gin (domains);

CREATE TABLE calls (
    id               uuid PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES tenants,
    -- The source's own id, up to twenty digits: text.
    call_id          text NOT NULL,
    title            text,
    url              text,
    started_at       timestamptz,
    duration_seconds bigint,
    language         text,
    is_private       boolean NOT NULL DEFAULT false,
    -- Parties with their e-mail addresses: personal data that leaves with an erasure and appears in no payload.
    parties          jsonb NOT NULL DEFAULT '[]',
    account_name     text,
    account_number   text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT calls_call_id_unique UNIQUE (tenant_id, call_id)
);
CREATE INDEX calls_by_tenant ON calls (tenant_id, id DESC);

CREATE TABLE transcripts (
    tenant_id  text NOT NULL REFERENCES tenants,
    call_id    text NOT NULL,
    -- Turns of speech: [{speaker_id, speaker_name, start_ms, sentences}].
    turns      jsonb NOT NULL,
    origin     text NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
);

CREATE TABLE runs (
    id          uuid PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants,
    source_id   uuid NOT NULL REFERENCES sources,
    call_id     text NOT NULL,
    -- 1 is what a callback or the poller starts; an administrator's reprocessing adds further ones.
    number      integer NOT NULL DEFAULT 1,
    event_id    uuid NOT NULL,
    state       text NOT NULL CONSTRAINT runs_state_known CHECK (state IN ('active', 'done', 'failed', 'skipped')),
    stage       text NOT NULL CONSTRAINT runs_stage_known CHECK (stage IN ('fetch', 'summarise', 'document', 'notify')),
    reason      text,
    -- Every log line of a call's way carries it, from the callback to the last delivery.
    trace_id    text NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    -- One call, one run, whatever the source repeats.
    CONSTRAINT runs_one_per_call UNIQUE (source_id, call_id, number)
);
CREATE INDEX runs_by_tenant ON runs (tenant_id, id DESC);
CREATE INDEX runs_by_call ON runs (tenant_id, call_id, number DESC);
-- For the sweeper: only what is under way.
CREATE INDEX runs_active ON runs (created_at) WHERE state = 'active';

CREATE TABLE stage_attempts (
    run_id      uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    tenant_id   text NOT NULL REFERENCES tenants,
    stage       text NOT NULL,
    number      integer NOT NULL,
    -- Written when the attempt begins, so that one whose worker died is on record too.
    claim_id    uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    duration_ms bigint,
    outcome     text CONSTRAINT stage_attempts_outcome_known
                CHECK (outcome IN ('done', 'retry', 'later', 'failed', 'skipped', 'lost')),
    error       text,
    PRIMARY KEY (run_id, stage, number)
);

CREATE TABLE summaries (
    run_id       uuid PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    tenant_id    text NOT NULL REFERENCES tenants,
    call_id      text NOT NULL,
    summary      jsonb NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE INDEX summaries_by_call ON summaries (tenant_id, call_id);

-- The folder and the two documents of one account. Ids are stored before they are used again, so that a repeated
-- stage finds them instead of making others.
CREATE TABLE documents (
    tenant_id          text NOT NULL REFERENCES tenants,
    store              text NOT NULL,
    folder_name        text NOT NULL,
    folder_id          text,
    folder_url         text,
    summary_id         text,
    summary_url        text,
    log_id             text,
    log_url            text,
    updated_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, store, folder_name)
);

-- Which documents a run wrote to.
CREATE TABLE run_documents (
    run_id      uuid PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    tenant_id   text NOT NULL REFERENCES tenants,
    folder_url  text NOT NULL,
    summary_url text NOT NULL,
    log_url     text NOT NULL,
    created_at  timestamptz NOT NULL
);

-- How far each recurring reader of a source has come.
CREATE TABLE sync_state (
    tenant_id  text NOT NULL REFERENCES tenants,
    source_id  uuid NOT NULL REFERENCES sources,
    name       text NOT NULL,
    state      jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, name)
);
