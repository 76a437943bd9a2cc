-- Who is signed in to the panel. The browser holds a random value in a cookie; here is only its hash.

CREATE TABLE panel_sessions (
    id            uuid PRIMARY KEY,
    -- What was signed in with: the session ends with it. Null for ADMIN_TOKEN, which is no row.
    token_id      uuid REFERENCES tokens ON DELETE CASCADE,
    -- SHA-256 of that token: another ADMIN_TOKEN ends the sessions of the one before.
    token_hash    bytea NOT NULL,
    -- SHA-256 of the cookie's value; renewed now and then.
    cookie_hash   bytea NOT NULL CONSTRAINT panel_sessions_cookie_unique UNIQUE,
    -- The one before it, taken for a few minutes more: a browser asks for several things at once.
    previous_hash bytea,
    renewed_at    timestamptz NOT NULL,
    -- Stands in every form, and proves that the form was ours.
    csrf          text NOT NULL,
    created_at    timestamptz NOT NULL,
    -- To the minute.
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX panel_sessions_previous ON panel_sessions (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX panel_sessions_by_token ON panel_sessions (token_id);
