-- A company's history: 100,000 calls with their runs, events, summaries and transcripts, a million deliveries, as many days
-- back as seed.days says. What is asked for is rare, frequent or in between, early or late.

CREATE FUNCTION pg_temp.id_at(at timestamptz, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
            || '8' || left(md5(n::text), 15))::uuid
$$;

CREATE TEMP TABLE call AS
SELECT i, at, 'c' || (8000000000000000000 + i) AS call_id, pg_temp.id_at(at, i) AS id,
       CASE WHEN i % 10007 = 0 THEN 'failed' WHEN i % 97 = 0 THEN 'skipped' WHEN i > 99990 THEN 'active' ELSE 'done' END AS state
FROM (SELECT i, current_setting('seed.now')::timestamptz - current_setting('seed.days')::int * interval '1 day'
                * (100000 - i) / 100000.0 AS at FROM generate_series(1, 100000) AS i) moments;

INSERT INTO calls (id, tenant_id, call_id, title, url, started_at, duration_seconds, language, parties, account_name,
                   account_number, created_at, updated_at)
SELECT id, 'default', call_id, 'Call ' || i || ' with account ' || i % 2000 || CASE WHEN i < 400 THEN ' pilot' ELSE '' END,
       'https://example.test/call/' || i, at - interval '1 hour', 1800, 'en',
       '[{"name": "Ana Costa", "email": "ana@example.test"}, {"name": "Ben Okafor", "email": "ben@example.test"}]',
       'Account ' || i % 2000, 'AC-' || i % 2000, at, at
FROM call;

INSERT INTO transcripts (tenant_id, call_id, turns, origin, fetched_at)
SELECT 'default', call_id, turns, 'gong', at
FROM call CROSS JOIN (
    SELECT jsonb_agg(jsonb_build_object('speaker_name', 'Ana', 'start_ms', n * 1000, 'sentences',
                                        '["We looked at the offer and at what it would take to move."]'::jsonb)) AS turns
    FROM generate_series(1, 20) AS n) t;

INSERT INTO events (id, tenant_id, type, subject, data, run_id, trace_id, origin_at, created_at)
SELECT pg_temp.id_at(at, i * 3 + k), 'default', (ARRAY['call.received', 'call.documented', 'call.summarised'])[k], call_id,
       '{"call": {"title": "A title of some length"}, "summary": {"headline": "What it came to", "text": "A paragraph."}}',
       id, 'trace', at - interval '1 minute', at
FROM call CROSS JOIN generate_series(1, 3) AS k;

INSERT INTO runs (id, tenant_id, source_id, call_id, event_id, state, stage, reason, trace_id, created_at, finished_at)
SELECT id, 'default', '00000000-0000-0000-0000-000000000000', call_id, pg_temp.id_at(at, i * 3 + 1), state, 'notify',
       CASE WHEN state IN ('failed', 'skipped') THEN 'for the seed' END, 'trace', at - interval '1 minute',
       CASE WHEN state <> 'active' THEN at END
FROM call;

INSERT INTO stage_attempts (run_id, tenant_id, stage, number, claim_id, started_at, duration_ms, outcome)
SELECT id, 'default', stage, 1, id, at - interval '1 minute', 900, 'done'
FROM call CROSS JOIN unnest(ARRAY['fetch', 'summarise', 'document', 'notify']) AS stage;

-- Some words stand everywhere, w1 … w3000 in one call out of a thousand, and one in the first calls only.
INSERT INTO summaries (run_id, tenant_id, call_id, summary, created_at)
SELECT id, 'default', call_id,
       jsonb_build_object('headline', 'Renewal of account ' || i % 2000, 'text', 'The customer asked about the renewal and '
           || (SELECT string_agg('w' || (i * 7919 + k * 104729) % 3000, ' ') FROM generate_series(1, 60) AS k)
           || CASE WHEN i < 20000 THEN ' early' ELSE '' END,
           'key_points', '["One", "Two"]'::jsonb, 'action_items', '[]'::jsonb, 'risks', '[]'::jsonb,
           'intent', (ARRAY['renewal', 'pricing', 'support'])[1 + i % 3], 'sentiment', (i % 200) / 100.0 - 1,
           'language', 'en', 'provider', 'local'), at
FROM call WHERE state = 'done';

-- Of the endpoints in seed.endpoints 1 works, 2 wants few events, 3 died a third of the time ago, 4 is a channel for summaries, 5 was used at first only.
INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, subject, status, attempt, ready_at, last_status_code,
                        last_error, duration_ms, created_at, sent_at)
SELECT pg_temp.id_at(at, i * 12 + n), 'default', pg_temp.id_at(at, i * 3 + event), (current_setting('seed.endpoints')::uuid[])[endpoint],
       (ARRAY['call.received', 'call.documented', 'call.summarised'])[event], call_id, status,
       CASE status WHEN 'filtered' THEN 0 WHEN 'pending' THEN 0 WHEN 'failed' THEN 8 ELSE 1 END, at + interval '2 seconds',
       CASE status WHEN 'sent' THEN 200 WHEN 'failed' THEN 500 END, CASE status WHEN 'failed' THEN 'HTTP 500' END, 40, at,
       CASE status WHEN 'sent' THEN at + (i % 300) * interval '1 second' END
FROM call CROSS JOIN LATERAL (
    SELECT (k - 1) / 3 + 1 AS event, (k - 1) % 3 + 1 AS endpoint, k AS n FROM generate_series(1, 9) AS k
    UNION ALL SELECT 3, CASE WHEN i < 15 THEN 5 ELSE 4 END, 10) pair
CROSS JOIN LATERAL (
    SELECT CASE WHEN endpoint = 2 AND event < 3 THEN 'filtered' WHEN endpoint = 3 AND i > 98000 THEN 'retrying'
                WHEN endpoint = 3 AND i > 66000 THEN 'failed' WHEN i % 9973 = 0 THEN 'failed' ELSE 'sent' END AS status) s;

-- What is rare, and long ago.
INSERT INTO events (id, tenant_id, type, data, trace_id, origin_at, created_at)
SELECT pg_temp.id_at(at, 4000000 + i), 'default', 'test.ping', '{}', 'trace', at, at FROM call WHERE i <= 7;
INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, status, attempt, ready_at, created_at, sent_at)
SELECT pg_temp.id_at(at, 4000000 + i), 'default', pg_temp.id_at(at, 4000000 + i), (current_setting('seed.endpoints')::uuid[])[1],
       'test.ping', 'sent', 1, at, at, at
FROM call WHERE i <= 7;

INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, status_code, error)
SELECT d.id, tenant_id, n, created_at, 40, last_status_code, last_error
FROM deliveries d CROSS JOIN LATERAL generate_series(1, attempt) AS n WHERE status = 'failed' OR d.id::text LIKE '%0';

INSERT INTO admin_audit (id, tenant_id, at, actor, action, object)
SELECT id, 'default', at, 'token', CASE WHEN i = 1000 THEN 'endpoint.create' ELSE 'delivery.retry' END, 'dlv_' || i FROM call;

INSERT INTO accounts (id, tenant_id, number, name, domains, created_at, updated_at)
SELECT id, 'default', 'AC-' || i, 'Account ' || i, ARRAY['account' || i || '.example'], at, at FROM call WHERE i <= 2000;
