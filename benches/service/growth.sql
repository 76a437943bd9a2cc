-- A history of so many deliveries (seed.deliveries), a day old and done: to each endpoint of seed.endpoints three of each call.

-- Made without looking each reference up: half a million of them take minutes.
SET session_replication_role = replica;

CREATE TEMP TABLE call AS
SELECT i, gen_random_uuid() AS id, gen_random_uuid() AS event, '6' || (100000000000000000 + i) AS call_id,
       now() - interval '1 day' AS at
FROM generate_series(1, greatest(current_setting('seed.deliveries')::int / 3, 1)) AS i;

INSERT INTO calls (id, tenant_id, call_id, title, account_name, created_at, updated_at)
SELECT id, 'default', call_id, 'Call ' || i, 'Account ' || i % 2000, at, at FROM call;

INSERT INTO call_search (call_row, tenant_id, held_at, state, words)
SELECT id, 'default', at, 'done', array_to_tsvector(ARRAY['@default', call_id, 'call', 'account', (i % 2000)::text]) FROM call;

INSERT INTO events (id, tenant_id, type, subject, data, callback, source_id, run_id, trace_id, origin_at, created_at)
SELECT event, 'default', 'call.received', call_id, '{"call": {"title": "A title of some length"}}',
       convert_to(repeat(md5(i::text), 60), 'UTF8'), '00000000-0000-0000-0000-000000000000', id, 'trace', at, at
FROM call;

INSERT INTO runs (id, tenant_id, source_id, call_id, event_id, state, stage, trace_id, created_at, finished_at)
SELECT id, 'default', '00000000-0000-0000-0000-000000000000', call_id, event, 'done', 'notify', 'trace', at, at FROM call;

INSERT INTO stage_attempts (run_id, tenant_id, stage, number, claim_id, started_at, duration_ms, outcome)
SELECT id, 'default', stage, 1, id, at, 9, 'done' FROM call CROSS JOIN unnest(ARRAY['fetch', 'notify']) AS stage;

WITH made AS (
    INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, subject, status, attempt, ready_at,
                            last_status_code, duration_ms, created_at, sent_at)
    SELECT gen_random_uuid(), 'default', event, endpoint, 'call.received', call_id, 'sent', 1, at, 200, 9, at, at
    FROM call CROSS JOIN unnest(current_setting('seed.endpoints')::uuid[]) AS endpoint
    RETURNING id, created_at
)
INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, status_code)
SELECT id, 'default', 1, created_at, 9, 200 FROM made;

VACUUM ANALYZE;

-- What was just loaded is not written back while the clock runs: history came by and by.
CHECKPOINT;
