-- The queue of pipeline stages. A row lives as long as there is something to do; history is in stage_attempts.

CREATE TABLE jobs (
    id            uuid PRIMARY KEY,
    tenant_id     text NOT NULL REFERENCES tenants,
    -- One live job per run: the next stage takes the place of the one before.
    run_id        uuid NOT NULL CONSTRAINT jobs_one_per_run UNIQUE REFERENCES runs ON DELETE CASCADE,
    kind          text NOT NULL,
    -- Counted when claimed, so that a job that kills its workers spends its budget.
    attempt       integer NOT NULL DEFAULT 0,
    -- Attempts that cost nothing, such as "the transcript is not there yet".
    free_attempts integer NOT NULL DEFAULT 0,
    -- Due from then on. While it is claimed this is the end of the lease: a worker that dies simply stops renewing.
    ready_at      timestamptz NOT NULL,
    -- Settling presents it, so a late worker cannot overwrite a newer one.
    claim_id      uuid,
    created_at    timestamptz NOT NULL
);
CREATE INDEX jobs_due ON jobs (ready_at);
CREATE INDEX jobs_claimed ON jobs (claim_id) WHERE claim_id IS NOT NULL;
