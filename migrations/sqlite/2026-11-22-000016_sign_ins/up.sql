-- People who are signed in to the console by an API key. Of the text in their cookie only a digest is stored, of the key
-- its id: a revoked key ends the sign-in. `flash` is what their next page has to tell them, once.
CREATE TABLE sign_ins (
    org_id     TEXT NOT NULL REFERENCES organizations (id),
    id         TEXT NOT NULL,
    digest     TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    actor_name TEXT,
    flash      TEXT,
    created_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, key_id) REFERENCES api_keys (org_id, id)
) STRICT;
CREATE INDEX sign_ins_key ON sign_ins (org_id, key_id);
