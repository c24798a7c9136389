-- Short-lived tokens by which an end user without an API key makes connections, or enters the secrets of one. Of a
-- token only its digest is stored. `context` is what whoever opened it said about it, as a JSON object. No foreign key
-- to the connection: a deletion closes its tokens in its own transaction (`gone_at`), and they expire soon.
CREATE TABLE connect_tokens (
    org_id        uuid NOT NULL REFERENCES organizations (id),
    id            uuid NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    connection_id uuid,
    context       text COLLATE "C" NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    gone_at       timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, digest)
);
CREATE INDEX connect_tokens_connection ON connect_tokens (org_id, connection_id);
