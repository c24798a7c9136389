-- People who are signed in to the console by an API key. Of the text in their cookie only a digest is stored, of the key
-- its id: a revoked key ends the sign-in. `flash` is what their next page has to tell them, once.
CREATE TABLE sign_ins (
    org_id     uuid NOT NULL REFERENCES organizations (id),
    id         uuid NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    key_id     uuid NOT NULL,
    actor_name text COLLATE "C",
    flash      text COLLATE "C",
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, key_id) REFERENCES api_keys (org_id, id)
);
CREATE INDEX sign_ins_key ON sign_ins (org_id, key_id);
