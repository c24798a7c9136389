-- Links by which someone without an API key enters the secrets of one connection. Of the code in the link and of the
-- cookie it is exchanged for only digests are stored. No foreign key to the connection: a deletion forgets its
-- sessions in its own transaction. `fields` names the secrets that may be entered, separated by spaces.
CREATE TABLE connect_sessions (
    org_id        uuid NOT NULL REFERENCES organizations (id),
    id            uuid NOT NULL,
    connection_id uuid NOT NULL,
    code_digest   text COLLATE "C" NOT NULL,
    cookie_digest text COLLATE "C",
    fields        text COLLATE "C" NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    ended_at      timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX connect_sessions_connection ON connect_sessions (org_id, connection_id);
