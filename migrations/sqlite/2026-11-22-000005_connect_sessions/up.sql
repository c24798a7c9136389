-- Links by which someone without an API key enters the secrets of one connection. Of the code in the link and of the
-- cookie it is exchanged for only digests are stored. No foreign key to the connection: a deletion forgets its
-- sessions in its own transaction. `fields` names the secrets that may be entered, separated by spaces.
CREATE TABLE connect_sessions (
    org_id        TEXT NOT NULL REFERENCES organizations (id),
    id            TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    code_digest   TEXT NOT NULL,
    cookie_digest TEXT,
    fields        TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    used_at       TEXT,
    ended_at      TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX connect_sessions_connection ON connect_sessions (org_id, connection_id);
