-- Credentials are revoked at the source after the deletion that shreds them.

ALTER TABLE integrations ADD COLUMN revoke_on_delete INTEGER NOT NULL DEFAULT 1 CHECK (revoke_on_delete IN (0, 1));

-- Made anew: a trash table has the columns of its live table in their order, none with a default, and then the entry.
CREATE TEMPORARY TABLE kept AS SELECT * FROM trash_integrations;
DROP TABLE trash_integrations;
CREATE TABLE trash_integrations (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    key                 TEXT NOT NULL,
    name                TEXT NOT NULL,
    connector           TEXT NOT NULL,
    settings            TEXT NOT NULL,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL,
    generation          INTEGER NOT NULL,
    deletion_protection INTEGER NOT NULL CHECK (deletion_protection IN (0, 1)),
    revoke_on_delete    INTEGER NOT NULL CHECK (revoke_on_delete IN (0, 1)),
    entry_id            TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
INSERT INTO trash_integrations SELECT org_id, id, key, name, connector, settings, created_at, updated_at, version,
    generation, deletion_protection, 1, entry_id FROM kept;
DROP TABLE kept;
CREATE INDEX trash_integrations_entry ON trash_integrations (org_id, entry_id, id);
CREATE INDEX trash_integrations_key ON trash_integrations (org_id, key);

-- What became of the credentials of each owner at the source; nothing secret is in it. Only for connectors that
-- declare how. It stays as long as its entry.
CREATE TABLE revocations (
    org_id      TEXT NOT NULL,
    entry_id    TEXT NOT NULL,
    owner_kind  TEXT NOT NULL,
    owner_id    TEXT NOT NULL,
    outcome     TEXT NOT NULL
        CHECK (outcome IN ('pending', 'revoked', 'refused', 'unavailable', 'unreachable', 'refused_by_policy',
            'out_of_time', 'interrupted', 'unreadable', 'too_many', 'opted_out', 'no_address', 'no_token')),
    tries       INTEGER NOT NULL,
    created_at  TEXT NOT NULL,
    finished_at TEXT,
    PRIMARY KEY (org_id, entry_id, owner_kind, owner_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX revocations_open ON revocations (org_id, entry_id) WHERE finished_at IS NULL;
