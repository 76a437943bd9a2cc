-- Apart from the columns: building them reads whole tables, and must not hold up readers meanwhile. Both are empty at first.
CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, order_key, position)
    WHERE order_key IS NOT NULL AND status IN ('pending', 'retrying');
CREATE INDEX calls_erased ON calls (tenant_id, call_id) WHERE erased_at IS NOT NULL;
