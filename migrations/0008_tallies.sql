-- What happened, counted by the hour in the transaction of the fact itself: figures that cost the same however long history
-- is, and outlive it.
--
-- Rows are only ever added, so that replicas which count at the same moment never wait for each other; the sweeper adds up
-- what an hour has gathered. What has happened before is counted here once: deliveries as they stand (of one that was sent
-- again by hand, only how it stands now), calls by their runs and stage attempts. It reads each table once and blocks nobody;
-- what a version without tallies does after that is not counted.

CREATE TABLE tallies (
    tenant_id text NOT NULL REFERENCES tenants,
    -- The hour it happened in, by its beginning.
    hour      timestamptz NOT NULL,
    -- `delivery.sent`, `call.fetched`, `latency`, …: the names are those of db::tallies.
    what      text NOT NULL,
    -- Of a delivery: slack, email, webhook.
    channel   text,
    -- Of a latency: see latency_bucket.
    bucket    integer,
    n         bigint NOT NULL,
    -- Not added up yet.
    loose     boolean NOT NULL DEFAULT false
);
CREATE INDEX tallies_by_hour ON tallies (tenant_id, hour);
CREATE INDEX tallies_loose ON tallies (tenant_id, hour) WHERE loose;

-- Which summaries have arrived somewhere: whoever inserts the row counts how long that took, and nobody else.
CREATE TABLE summary_arrivals (
    event_id   uuid PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    arrived_at timestamptz NOT NULL
);

-- In which bucket of the histogram a latency is counted: sixteen to each doubling, so that a bucket's borders are 4.4 % apart.
-- 0 ends at five minutes, so that the buckets up to it are exactly what kept the promise.
CREATE FUNCTION latency_bucket(took interval) RETURNS integer IMMUTABLE LANGUAGE sql AS
$$ SELECT ceil(16 * ln(greatest(extract(epoch FROM took)::float8, 0.001) / 300) / ln(2::float8))::integer $$;

INSERT INTO tallies (tenant_id, hour, what, channel, n)
SELECT d.tenant_id,
       date_trunc('hour', CASE d.status WHEN 'sent' THEN d.sent_at WHEN 'failed' THEN d.ready_at ELSE d.created_at END, 'UTC'),
       'delivery.' || d.status, e.kind, count(*)
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.status IN ('sent', 'failed', 'filtered') GROUP BY 1, 2, 3, 4;

INSERT INTO tallies (tenant_id, hour, what, n)
SELECT tenant_id, date_trunc('hour', created_at, 'UTC'), 'call.received', count(*) FROM runs GROUP BY 1, 2
UNION ALL
SELECT tenant_id, date_trunc('hour', finished_at, 'UTC'), 'call.' || state, count(*)
FROM runs WHERE finished_at IS NOT NULL GROUP BY 1, 2, state
UNION ALL
SELECT tenant_id, date_trunc('hour', started_at + coalesce(duration_ms, 0) * interval '1 millisecond', 'UTC'),
       CASE stage WHEN 'fetch' THEN 'call.fetched' WHEN 'summarise' THEN 'call.summarised' ELSE 'call.documented' END, count(*)
FROM stage_attempts WHERE outcome = 'done' AND stage <> 'notify' GROUP BY 1, 2, 3;

INSERT INTO summary_arrivals (event_id, arrived_at)
SELECT event_id, min(sent_at) FROM deliveries WHERE event_type = 'call.summarised' AND status = 'sent' GROUP BY 1;

INSERT INTO tallies (tenant_id, hour, what, bucket, n)
SELECT e.tenant_id, date_trunc('hour', a.arrived_at, 'UTC'), 'latency', latency_bucket(a.arrived_at - e.origin_at), count(*)
FROM summary_arrivals a JOIN events e ON e.id = a.event_id GROUP BY 1, 2, 4;

-- From now on what is added has to be added up.
ALTER TABLE tallies ALTER COLUMN loose SET DEFAULT true;
