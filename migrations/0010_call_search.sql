-- What calls are found by, in a table of its own: calls are written often, and with all their words each time would be dear.
-- db::call_search keeps it.

-- Words are compared without regard to case, in whatever locale the database has: lower() alone folds no more than ASCII
-- in "C", which is what the private server has.
CREATE FUNCTION folded(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT lower(CASE WHEN octet_length($1) = char_length($1) THEN $1 ELSE translate($1,
        'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĴĶĹĻĽŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽ'
        'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁЄІЇҐ',
        'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĵķĺļľłńņňōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżž'
        'αβγδεζηθικλμνξοπρστυφχψωάέήίόύώабвгдежзийклмнопрстуфхцчшщъыьэюяёєіїґ') END)
$$;

-- The words of a text, each once: what stands between spaces and signs. The longest that can be told apart has forty letters.
CREATE FUNCTION words_of(text) RETURNS text[] IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT left(word, 40)), '{}')
    FROM unnest(string_to_array(translate(folded($1),
             E' \t\n\r\f\v\u00a0!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~–—‘’“”„«»…·•', repeat(' ', 60)), ' ')) AS word
    WHERE word <> ''
$$;

CREATE TABLE call_search (
    call_row   uuid PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    tenant_id  text NOT NULL REFERENCES tenants,
    -- When it was held, or else told of.
    held_at    timestamptz NOT NULL,
    -- Of its latest run; `imported` without one.
    state      text NOT NULL,
    -- Words of id, title, account and summary, and behind a sign that no word has the tenant (@) and the account's name and
    -- number as a whole (=). Of a private call its id only.
    words      tsvector NOT NULL
);
CREATE INDEX call_search_by_state ON call_search (tenant_id, state, call_row DESC);
CREATE INDEX call_search_by_time ON call_search (tenant_id, held_at);
CREATE INDEX call_search_by_tenant ON call_search (tenant_id, call_row DESC);

INSERT INTO call_search (call_row, tenant_id, held_at, state, words)
SELECT c.id, c.tenant_id, coalesce(c.started_at, c.created_at), coalesce(r.state, 'imported'),
       array_to_tsvector(array_cat(ARRAY['@' || c.tenant_id], CASE WHEN c.is_private THEN words_of(c.call_id) ELSE
           words_of(concat_ws(' ', c.call_id, c.title, c.account_name, c.account_number, s.summary ->> 'headline',
                              s.summary ->> 'text'))
           || array_remove(ARRAY['=' || left(folded(c.account_name), 200), '=' || left(folded(c.account_number), 200)], NULL)
       END))
FROM calls c
LEFT JOIN LATERAL (SELECT id, state FROM runs WHERE tenant_id = c.tenant_id AND call_id = c.call_id
                   ORDER BY number DESC LIMIT 1) r ON true
LEFT JOIN summaries s ON s.run_id = r.id
WHERE c.erased_at IS NULL;

-- Without a pending list: whoever searches would have to look through it.
CREATE INDEX call_search_by_words ON call_search USING gin (words) WITH (fastupdate = off);
