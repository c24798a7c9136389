-- Credentials are revoked at the source after the deletion that shreds them.

ALTER TABLE integrations ADD COLUMN revoke_on_delete boolean NOT NULL DEFAULT true;

-- Made anew: a trash table has the columns of its live table in their order, none with a default, and then the entry.
CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM trash_integrations;
DROP TABLE trash_integrations;
CREATE TABLE trash_integrations (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    key                 text COLLATE "C" NOT NULL,
    name                text COLLATE "C" NOT NULL,
    connector           text COLLATE "C" NOT NULL,
    settings            text COLLATE "C" NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL,
    generation          bigint NOT NULL,
    deletion_protection boolean NOT NULL,
    revoke_on_delete    boolean NOT NULL,
    entry_id            uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
INSERT INTO trash_integrations SELECT org_id, id, key, name, connector, settings, created_at, updated_at, version,
    generation, deletion_protection, true, entry_id FROM kept;
CREATE INDEX trash_integrations_entry ON trash_integrations (org_id, entry_id, id);
CREATE INDEX trash_integrations_key ON trash_integrations (org_id, key);

-- What became of the credentials of each owner at the source; nothing secret is in it. Only for connectors that
-- declare how. It stays as long as its entry.
CREATE TABLE revocations (
    org_id      uuid NOT NULL,
    entry_id    uuid NOT NULL,
    owner_kind  text COLLATE "C" NOT NULL,
    owner_id    uuid NOT NULL,
    outcome     text COLLATE "C" NOT NULL
        CHECK (outcome IN ('pending', 'revoked', 'refused', 'unavailable', 'unreachable', 'refused_by_policy',
            'out_of_time', 'interrupted', 'unreadable', 'too_many', 'opted_out', 'no_address', 'no_token')),
    tries       integer NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (org_id, entry_id, owner_kind, owner_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX revocations_open ON revocations (org_id, entry_id) WHERE finished_at IS NULL;
