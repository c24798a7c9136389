-- Short-lived tokens by which an end user without an API key makes connections, or enters the secrets of one. Of a
-- token only its digest is stored. `context` is what whoever opened it said about it, as a JSON object. No foreign key
-- to the connection: a deletion closes its tokens in its own transaction (`gone_at`), and they expire soon.
CREATE TABLE connect_tokens (
    org_id        TEXT NOT NULL REFERENCES organizations (id),
    id            TEXT NOT NULL,
    digest        TEXT NOT NULL,
    connection_id TEXT,
    context       TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    ended_at      TEXT,
    gone_at       TEXT,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, digest)
) STRICT;
CREATE INDEX connect_tokens_connection ON connect_tokens (org_id, connection_id);
