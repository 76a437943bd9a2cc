-- What talking to the outside systems leaves behind: who takes care of a customer, what a summary cost, limits that all
-- replicas share, how far a sync has come, and documents that are written by one worker at a time.

-- The customer's people on our side, where the source of the transcript tells: personal data that leaves with an erasure.
ALTER TABLE calls ADD COLUMN cs_email text, ADD COLUMN am_email text;

-- What making a summary took: {model, requests, input_tokens, output_tokens}. Null for the built-in summariser.
ALTER TABLE summaries ADD COLUMN spent jsonb;

-- Limits that hold for the whole company, however many replicas ask.
CREATE TABLE rate_limits (
    key        text PRIMARY KEY,
    -- The turns given last, oldest first: as many as fit into one window.
    recent     timestamptz[] NOT NULL,
    -- The system asked for silence until then.
    not_before timestamptz NOT NULL,
    day        date NOT NULL,
    used       bigint NOT NULL
);

-- One reader of a source at a time: whoever presents this claim, until its lease ends.
ALTER TABLE sync_state ADD COLUMN claim_id uuid, ADD COLUMN claimed_until timestamptz;

-- An account's folder in a remote store. Whoever holds the claim writes it.
ALTER TABLE documents
    -- When a creation was last begun whose answer nobody has seen: the document may or may not be there, or be there twice.
    ADD COLUMN summary_begun_at timestamptz,
    ADD COLUMN log_begun_at timestamptz,
    ADD COLUMN claim_id uuid,
    ADD COLUMN claimed_until timestamptz;

-- What is filed of each call: its entry in "Summary Log", and the text of "Call Summary" as long as no later call is filed.
-- Whoever writes the folder writes what others have filed a moment ago too, so that many calls of one account cost few
-- writes; what nobody wrote in time is left to its own run, which asks for the call's privacy again.
CREATE TABLE document_entries (
    tenant_id    text NOT NULL,
    store        text NOT NULL,
    folder_name  text NOT NULL,
    call_id      text NOT NULL,
    held_at      timestamptz NOT NULL,
    summary_html text NOT NULL,
    entry_html   text NOT NULL,
    filed_at     timestamptz NOT NULL,
    -- Null until it stands in the store as it is here.
    written_at   timestamptz,
    PRIMARY KEY (tenant_id, store, folder_name, call_id),
    FOREIGN KEY (tenant_id, store, folder_name) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX document_entries_newest
    ON document_entries (tenant_id, store, folder_name, held_at DESC, call_id DESC);
CREATE INDEX document_entries_by_call ON document_entries (tenant_id, call_id);

-- Mailboxes that the service mails by itself (an account's CS and AM): endpoints like any other, found by the hash of
-- their address, left out of the list that an administrator keeps.
ALTER TABLE endpoints ADD COLUMN mailbox_hash bytea;
CREATE UNIQUE INDEX endpoints_by_mailbox ON endpoints (tenant_id, mailbox_hash) WHERE mailbox_hash IS NOT NULL;
