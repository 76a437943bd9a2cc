-- Which callback came in last by a connection. What the poller found has an empty body and is no callback.
CREATE INDEX events_by_source ON events (source_id, id DESC) WHERE octet_length(callback) > 0;
