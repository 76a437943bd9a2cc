-- Which endpoint a delivery is for and by which source a call came is read from their rows in the same moment, and those are
-- marked as removed and stay. Asking for them again costs a look-up with each row, and as all transactions that run side by
-- side would lock the same few rows, each of them writes those, too.
ALTER TABLE events DROP CONSTRAINT events_source_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_source_id_fkey;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_endpoint_id_fkey;
