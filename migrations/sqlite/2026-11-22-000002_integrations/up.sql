-- Integrations are deleted and restored with all their connections.

ALTER TABLE integrations ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE integrations ADD COLUMN deletion_protection INTEGER NOT NULL DEFAULT 0 CHECK (deletion_protection IN (0, 1));

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
    entry_id            TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX trash_integrations_entry ON trash_integrations (org_id, entry_id, id);
CREATE INDEX trash_integrations_key ON trash_integrations (org_id, key);

-- What was known of the secrets that left with a deletion below its root: the shape of what must be entered
-- again. The root's own shape is in its entry.
CREATE TABLE shredded_secrets (
    org_id      TEXT NOT NULL,
    entry_id    TEXT NOT NULL,
    owner_kind  TEXT NOT NULL,
    owner_id    TEXT NOT NULL,
    field       TEXT NOT NULL,
    source_hint TEXT,
    set_at      TEXT NOT NULL,
    set_by      TEXT NOT NULL,
    PRIMARY KEY (org_id, entry_id, owner_kind, owner_id, field),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
