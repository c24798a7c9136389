-- Integrations are deleted and restored with all their connections.

ALTER TABLE integrations ADD COLUMN generation bigint NOT NULL DEFAULT 1;
ALTER TABLE integrations ADD COLUMN deletion_protection boolean NOT NULL DEFAULT false;

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
    entry_id            uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX trash_integrations_entry ON trash_integrations (org_id, entry_id, id);
CREATE INDEX trash_integrations_key ON trash_integrations (org_id, key);

-- What was known of the secrets that left with a deletion below its root: the shape of what must be entered
-- again. The root's own shape is in its entry.
CREATE TABLE shredded_secrets (
    org_id      uuid NOT NULL,
    entry_id    uuid NOT NULL,
    owner_kind  text COLLATE "C" NOT NULL,
    owner_id    uuid NOT NULL,
    field       text COLLATE "C" NOT NULL,
    source_hint text COLLATE "C",
    set_at      timestamptz NOT NULL,
    set_by      text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, entry_id, owner_kind, owner_id, field),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
