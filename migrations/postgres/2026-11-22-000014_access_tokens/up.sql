-- Access tokens: which connection a call of a dialect is about. Of a token only a digest is stored, keyed by the
-- organization; `registered` tells one that a client brought from one that was made here. No foreign key to the
-- connection: a deletion forgets its tokens in its own transaction, and a restore brings none back.
CREATE TABLE access_tokens (
    org_id        uuid NOT NULL REFERENCES organizations (id),
    id            uuid NOT NULL,
    connection_id uuid NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    registered    boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX access_tokens_digest ON access_tokens (org_id, digest);
CREATE INDEX access_tokens_connection ON access_tokens (org_id, connection_id, id);

-- Where a re-entry link leads its visitor when he is done, and the code that he takes along: exchanged once, for an access
-- token, before its time is over.
ALTER TABLE connect_sessions ADD COLUMN redirect_uri text COLLATE "C";
ALTER TABLE connect_sessions ADD COLUMN auth_digest text COLLATE "C";
ALTER TABLE connect_sessions ADD COLUMN auth_expires_at timestamptz;
