-- Where in its trace a row was made, so that the work on it goes on in the same trace, in whatever process and after any
-- crash: the end of a W3C traceparent behind the trace's id, span and flags (`b7ad6b7169203331-01`). Null where no spans
-- were made. No default and no rewrite: rows from before stay as they are.
ALTER TABLE runs ADD COLUMN trace_parent text;
ALTER TABLE events ADD COLUMN trace_parent text;
