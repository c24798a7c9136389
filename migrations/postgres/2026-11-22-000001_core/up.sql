-- The core tables. Rules that hold throughout (docs/architecture.md, "Storage"):
--  * the organization leads every key, so no row can point into another tenant and the schema shards as it is;
--  * foreign keys are NO ACTION: rows are moved, never cascaded;
--  * a trash table is its live table plus entry_id, without the live table's foreign keys;
--  * JSON is text: jsonb would rewrite it; compared text is COLLATE "C", as SQLite compares it.

CREATE TABLE organizations (
    id                         uuid PRIMARY KEY,
    name                       text COLLATE "C" NOT NULL,
    display_name               text COLLATE "C" NOT NULL,
    retention_days             integer NOT NULL DEFAULT 30,
    purge_protection           boolean NOT NULL DEFAULT false,
    require_test_after_restore boolean NOT NULL DEFAULT false,
    created_at                 timestamptz NOT NULL,
    updated_at                 timestamptz NOT NULL,
    version                    bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX organizations_name ON organizations (name);

CREATE TABLE api_keys (
    org_id       uuid NOT NULL REFERENCES organizations (id),
    id           uuid NOT NULL,
    name         text COLLATE "C" NOT NULL,
    scopes       text COLLATE "C" NOT NULL,
    digest       text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text COLLATE "C" NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE integrations (
    org_id     uuid NOT NULL REFERENCES organizations (id),
    id         uuid NOT NULL,
    key        text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    connector  text COLLATE "C" NOT NULL,
    settings   text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX integrations_key ON integrations (org_id, key);

-- `integration` holds the integration's key, or the connector's for a connection without one: names and
-- external ids are unique within it.
CREATE TABLE connections (
    org_id              uuid NOT NULL REFERENCES organizations (id),
    id                  uuid NOT NULL,
    name                text COLLATE "C" NOT NULL,
    name_key            text COLLATE "C" NOT NULL,
    connector           text COLLATE "C" NOT NULL,
    integration         text COLLATE "C" NOT NULL,
    integration_id      uuid,
    external_id         text COLLATE "C",
    settings            text COLLATE "C" NOT NULL,
    tags                text COLLATE "C" NOT NULL,
    metadata            text COLLATE "C" NOT NULL,
    status              text COLLATE "C" NOT NULL
        CHECK (status IN ('active', 'untested', 'failing', 'needs_credentials')),
    generation          bigint NOT NULL DEFAULT 1,
    deletion_protection boolean NOT NULL DEFAULT false,
    last_test           text COLLATE "C",
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, integration_id) REFERENCES integrations (org_id, id)
);
CREATE UNIQUE INDEX connections_name ON connections (org_id, integration, name_key);
CREATE UNIQUE INDEX connections_external_id ON connections (org_id, integration, external_id);
CREATE INDEX connections_integration ON connections (org_id, integration_id);

CREATE TABLE models (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    connection_id       uuid NOT NULL,
    base_model_id       uuid,
    name                text COLLATE "C" NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    external_id         text COLLATE "C",
    body                text COLLATE "C" NOT NULL,
    deletion_protection boolean NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, connection_id, id),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, connection_id, base_model_id) REFERENCES models (org_id, connection_id, id)
);
CREATE UNIQUE INDEX models_external_id ON models (org_id, connection_id, external_id);
CREATE INDEX models_base ON models (org_id, connection_id, base_model_id);

CREATE TABLE content (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    connection_id       uuid NOT NULL,
    model_id            uuid,
    name                text COLLATE "C" NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    external_id         text COLLATE "C",
    body                text COLLATE "C" NOT NULL,
    deletion_protection boolean NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, connection_id, model_id) REFERENCES models (org_id, connection_id, id)
);
CREATE UNIQUE INDEX content_external_id ON content (org_id, connection_id, external_id);
CREATE INDEX content_list ON content (org_id, connection_id, id);
CREATE INDEX content_model ON content (org_id, connection_id, model_id);

-- A reference from one content row to another, of the same or another connection.
CREATE TABLE links (
    org_id     uuid NOT NULL,
    from_id    uuid NOT NULL,
    to_id      uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, from_id, to_id),
    FOREIGN KEY (org_id, from_id) REFERENCES content (org_id, id),
    FOREIGN KEY (org_id, to_id) REFERENCES content (org_id, id)
);
CREATE INDEX links_to ON links (org_id, to_id);

CREATE TABLE trash_entries (
    org_id               uuid NOT NULL REFERENCES organizations (id),
    id                   uuid NOT NULL,
    state                text COLLATE "C" NOT NULL
        CHECK (state IN ('in_trash', 'purging', 'restored', 'purged')),
    root_kind            text COLLATE "C" NOT NULL
        CHECK (root_kind IN ('integration', 'connection', 'model', 'content')),
    root_id              uuid NOT NULL,
    root_name            text COLLATE "C" NOT NULL,
    root_name_key        text COLLATE "C" NOT NULL,
    root_external_id     text COLLATE "C",
    connector            text COLLATE "C" NOT NULL,
    integration          text COLLATE "C" NOT NULL,
    connection_id        uuid,
    model_id             uuid,
    deleted_at           timestamptz NOT NULL,
    deleted_by           text COLLATE "C" NOT NULL,
    deleted_by_name      text COLLATE "C",
    key_id               uuid,
    reason               text COLLATE "C",
    purge_at             timestamptz NOT NULL,
    purge_protected      boolean NOT NULL,
    connections_count    bigint NOT NULL,
    models_count         bigint NOT NULL,
    content_count        bigint NOT NULL,
    links_count          bigint NOT NULL,
    references_count     bigint NOT NULL,
    secret_shape         text COLLATE "C" NOT NULL,
    secrets_shredded     bigint NOT NULL,
    shredded_at          timestamptz,
    erased_at            timestamptz,
    key_epoch            integer,
    closed_at            timestamptz,
    closed_by            text COLLATE "C",
    closed_by_name       text COLLATE "C",
    PRIMARY KEY (org_id, id)
);
CREATE INDEX trash_entries_list ON trash_entries (org_id, state, deleted_at, id);
CREATE INDEX trash_entries_purge ON trash_entries (org_id, state, purge_at, id);
CREATE INDEX trash_entries_root ON trash_entries (org_id, root_id);

CREATE TABLE trash_connections (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    name                text COLLATE "C" NOT NULL,
    name_key            text COLLATE "C" NOT NULL,
    connector           text COLLATE "C" NOT NULL,
    integration         text COLLATE "C" NOT NULL,
    integration_id      uuid,
    external_id         text COLLATE "C",
    settings            text COLLATE "C" NOT NULL,
    tags                text COLLATE "C" NOT NULL,
    metadata            text COLLATE "C" NOT NULL,
    status              text COLLATE "C" NOT NULL,
    generation          bigint NOT NULL,
    deletion_protection boolean NOT NULL,
    last_test           text COLLATE "C",
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL,
    entry_id            uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX trash_connections_entry ON trash_connections (org_id, entry_id, id);
CREATE INDEX trash_connections_external_id ON trash_connections (org_id, integration, external_id);
CREATE INDEX trash_connections_name ON trash_connections (org_id, integration, name_key);

CREATE TABLE trash_models (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    connection_id       uuid NOT NULL,
    base_model_id       uuid,
    name                text COLLATE "C" NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    external_id         text COLLATE "C",
    body                text COLLATE "C" NOT NULL,
    deletion_protection boolean NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL,
    entry_id            uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX trash_models_entry ON trash_models (org_id, entry_id, id);

CREATE TABLE trash_content (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    connection_id       uuid NOT NULL,
    model_id            uuid,
    name                text COLLATE "C" NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    external_id         text COLLATE "C",
    body                text COLLATE "C" NOT NULL,
    deletion_protection boolean NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL,
    entry_id            uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX trash_content_entry ON trash_content (org_id, entry_id, id);

-- Links leave with the entry that took one of their ends; a restore that finds the other end in another
-- entry files them there (docs/decisions/0003).
CREATE TABLE trash_links (
    org_id     uuid NOT NULL,
    from_id    uuid NOT NULL,
    to_id      uuid NOT NULL,
    created_at timestamptz NOT NULL,
    entry_id   uuid NOT NULL,
    PRIMARY KEY (org_id, from_id, to_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX trash_links_entry ON trash_links (org_id, entry_id);

-- A reason an entry must not be purged.
CREATE TABLE holds (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    entry_id   uuid NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    ends_at    timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);
CREATE INDEX holds_entry ON holds (org_id, entry_id);

-- What is known of each secret of a live owner. The value is in its slot; the trash code never reads either.
CREATE TABLE secrets (
    org_id      uuid NOT NULL,
    owner_kind  text COLLATE "C" NOT NULL,
    owner_id    uuid NOT NULL,
    field       text COLLATE "C" NOT NULL,
    slot_id     bigint NOT NULL,
    record_id   uuid NOT NULL,
    generation  bigint NOT NULL,
    key_epoch   integer NOT NULL,
    source_hint text COLLATE "C",
    set_at      timestamptz NOT NULL,
    set_by      text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, owner_kind, owner_id, field)
);

-- Sealed records of a fixed size per class. No other column of varying length, and no index or foreign key
-- that touches the record: an index copies what it covers, and moving cells leaves bytes behind.
CREATE TABLE secret_slots (
    org_id     uuid NOT NULL,
    id         bigint GENERATED BY DEFAULT AS IDENTITY,
    size_class integer NOT NULL,
    free       boolean NOT NULL,
    record     bytea NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX secret_slots_free ON secret_slots (size_class, id) WHERE free;
ALTER TABLE secret_slots ALTER COLUMN record SET STATISTICS 0;
ALTER TABLE secret_slots ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE TABLE key_epochs (
    epoch        integer PRIMARY KEY,
    check_value  text COLLATE "C" NOT NULL,
    is_primary   boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    destroyed_at timestamptz
);
-- Two first starts with keys of different epochs can't both win.
CREATE UNIQUE INDEX key_epochs_primary ON key_epochs (is_primary) WHERE is_primary;

-- One row for every shred, open until no byte of what was shredded is left in the database's files.
CREATE TABLE erasure_jobs (
    org_id       uuid NOT NULL,
    id           uuid NOT NULL,
    entry_id     uuid,
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    attempts     bigint NOT NULL DEFAULT 0,
    last_problem text COLLATE "C",
    PRIMARY KEY (org_id, id)
);
CREATE INDEX erasure_jobs_open ON erasure_jobs (org_id, id) WHERE finished_at IS NULL;

CREATE TABLE idempotency_keys (
    org_id      uuid NOT NULL,
    key_id      uuid NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    status      integer NOT NULL,
    etag        text COLLATE "C",
    location    text COLLATE "C",
    body        text COLLATE "C",
    shown_once  boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (org_id, key_id, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (org_id, expires_at);

CREATE TABLE audit_events (
    org_id       uuid NOT NULL,
    id           uuid NOT NULL,
    at           timestamptz NOT NULL,
    actor_id     text COLLATE "C" NOT NULL,
    actor_name   text COLLATE "C",
    key_id       uuid,
    address      text COLLATE "C",
    request_id   text COLLATE "C",
    action       text COLLATE "C" NOT NULL,
    outcome      text COLLATE "C" NOT NULL,
    subject_kind text COLLATE "C" NOT NULL,
    subject_id   uuid,
    entry_id     uuid,
    detail       text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX audit_events_subject ON audit_events (org_id, subject_id, id);

CREATE TABLE outbox (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    at         timestamptz NOT NULL,
    type       text COLLATE "C" NOT NULL,
    subject_id uuid NOT NULL,
    payload    text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- A moved TOAST value is then never compressed a second time (measured 7.6 instead of 36 times a hard delete
-- for 20 KB bodies that don't compress). A server built without lz4 keeps its default.
DO $$
BEGIN
    ALTER TABLE models ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE content ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'lz4 is not built into this server: bodies keep its default compression';
END
$$;
ALTER TABLE trash_models ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE trash_content ALTER COLUMN body SET STORAGE EXTERNAL;
