-- The core tables: the same tables, columns and indexes as the PostgreSQL migration of this number, and the
-- same rules (see there). Timestamps are UTC text of fixed width with microseconds, so they sort as time.

CREATE TABLE organizations (
    id                         TEXT PRIMARY KEY,
    name                       TEXT NOT NULL,
    display_name               TEXT NOT NULL,
    retention_days             INTEGER NOT NULL DEFAULT 30,
    purge_protection           INTEGER NOT NULL DEFAULT 0 CHECK (purge_protection IN (0, 1)),
    require_test_after_restore INTEGER NOT NULL DEFAULT 0 CHECK (require_test_after_restore IN (0, 1)),
    created_at                 TEXT NOT NULL,
    updated_at                 TEXT NOT NULL,
    version                    INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX organizations_name ON organizations (name);

CREATE TABLE api_keys (
    org_id       TEXT NOT NULL REFERENCES organizations (id),
    id           TEXT NOT NULL,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    digest       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE TABLE integrations (
    org_id     TEXT NOT NULL REFERENCES organizations (id),
    id         TEXT NOT NULL,
    key        TEXT NOT NULL,
    name       TEXT NOT NULL,
    connector  TEXT NOT NULL,
    settings   TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE UNIQUE INDEX integrations_key ON integrations (org_id, key);

-- `integration` holds the integration's key, or the connector's for a connection without one: names and
-- external ids are unique within it.
CREATE TABLE connections (
    org_id              TEXT NOT NULL REFERENCES organizations (id),
    id                  TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_key            TEXT NOT NULL,
    connector           TEXT NOT NULL,
    integration         TEXT NOT NULL,
    integration_id      TEXT,
    external_id         TEXT,
    settings            TEXT NOT NULL,
    tags                TEXT NOT NULL,
    metadata            TEXT NOT NULL,
    status              TEXT NOT NULL
        CHECK (status IN ('active', 'untested', 'failing', 'needs_credentials')),
    generation          INTEGER NOT NULL DEFAULT 1,
    deletion_protection INTEGER NOT NULL DEFAULT 0 CHECK (deletion_protection IN (0, 1)),
    last_test           TEXT,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, integration_id) REFERENCES integrations (org_id, id)
) STRICT;
CREATE UNIQUE INDEX connections_name ON connections (org_id, integration, name_key);
CREATE UNIQUE INDEX connections_external_id ON connections (org_id, integration, external_id);
CREATE INDEX connections_integration ON connections (org_id, integration_id);

CREATE TABLE models (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    connection_id       TEXT NOT NULL,
    base_model_id       TEXT,
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL,
    external_id         TEXT,
    body                TEXT NOT NULL,
    deletion_protection INTEGER NOT NULL DEFAULT 0 CHECK (deletion_protection IN (0, 1)),
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, connection_id, id),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, connection_id, base_model_id) REFERENCES models (org_id, connection_id, id)
) STRICT;
CREATE UNIQUE INDEX models_external_id ON models (org_id, connection_id, external_id);
CREATE INDEX models_base ON models (org_id, connection_id, base_model_id);

CREATE TABLE content (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    connection_id       TEXT NOT NULL,
    model_id            TEXT,
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL,
    external_id         TEXT,
    body                TEXT NOT NULL,
    deletion_protection INTEGER NOT NULL DEFAULT 0 CHECK (deletion_protection IN (0, 1)),
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, connection_id, model_id) REFERENCES models (org_id, connection_id, id)
) STRICT;
CREATE UNIQUE INDEX content_external_id ON content (org_id, connection_id, external_id);
CREATE INDEX content_list ON content (org_id, connection_id, id);
CREATE INDEX content_model ON content (org_id, connection_id, model_id);

-- A reference from one content row to another, of the same or another connection.
CREATE TABLE links (
    org_id     TEXT NOT NULL,
    from_id    TEXT NOT NULL,
    to_id      TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (org_id, from_id, to_id),
    FOREIGN KEY (org_id, from_id) REFERENCES content (org_id, id),
    FOREIGN KEY (org_id, to_id) REFERENCES content (org_id, id)
) STRICT;
CREATE INDEX links_to ON links (org_id, to_id);

CREATE TABLE trash_entries (
    org_id               TEXT NOT NULL REFERENCES organizations (id),
    id                   TEXT NOT NULL,
    state                TEXT NOT NULL
        CHECK (state IN ('in_trash', 'purging', 'restored', 'purged')),
    root_kind            TEXT NOT NULL
        CHECK (root_kind IN ('integration', 'connection', 'model', 'content')),
    root_id              TEXT NOT NULL,
    root_name            TEXT NOT NULL,
    root_name_key        TEXT NOT NULL,
    root_external_id     TEXT,
    connector            TEXT NOT NULL,
    integration          TEXT NOT NULL,
    connection_id        TEXT,
    model_id             TEXT,
    deleted_at           TEXT NOT NULL,
    deleted_by           TEXT NOT NULL,
    deleted_by_name      TEXT,
    key_id               TEXT,
    reason               TEXT,
    purge_at             TEXT NOT NULL,
    purge_protected      INTEGER NOT NULL CHECK (purge_protected IN (0, 1)),
    connections_count    INTEGER NOT NULL,
    models_count         INTEGER NOT NULL,
    content_count        INTEGER NOT NULL,
    links_count          INTEGER NOT NULL,
    references_count     INTEGER NOT NULL,
    secret_shape         TEXT NOT NULL,
    secrets_shredded     INTEGER NOT NULL,
    shredded_at          TEXT,
    erased_at            TEXT,
    key_epoch            INTEGER,
    closed_at            TEXT,
    closed_by            TEXT,
    closed_by_name       TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX trash_entries_list ON trash_entries (org_id, state, deleted_at, id);
CREATE INDEX trash_entries_purge ON trash_entries (org_id, state, purge_at, id);
CREATE INDEX trash_entries_root ON trash_entries (org_id, root_id);

CREATE TABLE trash_connections (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_key            TEXT NOT NULL,
    connector           TEXT NOT NULL,
    integration         TEXT NOT NULL,
    integration_id      TEXT,
    external_id         TEXT,
    settings            TEXT NOT NULL,
    tags                TEXT NOT NULL,
    metadata            TEXT NOT NULL,
    status              TEXT NOT NULL,
    generation          INTEGER NOT NULL,
    deletion_protection INTEGER NOT NULL CHECK (deletion_protection IN (0, 1)),
    last_test           TEXT,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL,
    entry_id            TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX trash_connections_entry ON trash_connections (org_id, entry_id, id);
CREATE INDEX trash_connections_external_id ON trash_connections (org_id, integration, external_id);
CREATE INDEX trash_connections_name ON trash_connections (org_id, integration, name_key);

CREATE TABLE trash_models (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    connection_id       TEXT NOT NULL,
    base_model_id       TEXT,
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL,
    external_id         TEXT,
    body                TEXT NOT NULL,
    deletion_protection INTEGER NOT NULL CHECK (deletion_protection IN (0, 1)),
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL,
    entry_id            TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX trash_models_entry ON trash_models (org_id, entry_id, id);

CREATE TABLE trash_content (
    org_id              TEXT NOT NULL,
    id                  TEXT NOT NULL,
    connection_id       TEXT NOT NULL,
    model_id            TEXT,
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL,
    external_id         TEXT,
    body                TEXT NOT NULL,
    deletion_protection INTEGER NOT NULL CHECK (deletion_protection IN (0, 1)),
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    version             INTEGER NOT NULL,
    entry_id            TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX trash_content_entry ON trash_content (org_id, entry_id, id);

-- Links leave with the entry that took one of their ends; a restore that finds the other end in another
-- entry files them there (docs/decisions/0003).
CREATE TABLE trash_links (
    org_id     TEXT NOT NULL,
    from_id    TEXT NOT NULL,
    to_id      TEXT NOT NULL,
    created_at TEXT NOT NULL,
    entry_id   TEXT NOT NULL,
    PRIMARY KEY (org_id, from_id, to_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX trash_links_entry ON trash_links (org_id, entry_id);

-- A reason an entry must not be purged.
CREATE TABLE holds (
    org_id     TEXT NOT NULL,
    id         TEXT NOT NULL,
    entry_id   TEXT NOT NULL,
    owner      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    ends_at    TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;
CREATE INDEX holds_entry ON holds (org_id, entry_id);

-- What is known of each secret of a live owner. The value is in its slot; the trash code never reads either.
CREATE TABLE secrets (
    org_id      TEXT NOT NULL,
    owner_kind  TEXT NOT NULL,
    owner_id    TEXT NOT NULL,
    field       TEXT NOT NULL,
    slot_id     INTEGER NOT NULL,
    record_id   TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    key_epoch   INTEGER NOT NULL,
    source_hint TEXT,
    set_at      TEXT NOT NULL,
    set_by      TEXT NOT NULL,
    PRIMARY KEY (org_id, owner_kind, owner_id, field)
) STRICT;

-- Sealed records of a fixed size per class, overwritten in place when shredded: the key is the row id, the one
-- primary key that does not begin with the organization. No other column of varying length, and no index or foreign key
-- that touches the record: an index copies what it covers, and moving cells leaves bytes behind.
CREATE TABLE secret_slots (
    org_id     TEXT NOT NULL,
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    size_class INTEGER NOT NULL,
    free       INTEGER NOT NULL CHECK (free IN (0, 1)),
    record     BLOB NOT NULL
) STRICT;
CREATE INDEX secret_slots_free ON secret_slots (size_class, id) WHERE free;

CREATE TABLE key_epochs (
    epoch        INTEGER PRIMARY KEY,
    check_value  TEXT NOT NULL,
    is_primary   INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    created_at   TEXT NOT NULL,
    destroyed_at TEXT
) STRICT;
-- Two first starts with keys of different epochs can't both win.
CREATE UNIQUE INDEX key_epochs_primary ON key_epochs (is_primary) WHERE is_primary;

-- One row for every shred, open until no byte of what was shredded is left in the database's files.
CREATE TABLE erasure_jobs (
    org_id       TEXT NOT NULL,
    id           TEXT NOT NULL,
    entry_id     TEXT,
    created_at   TEXT NOT NULL,
    finished_at  TEXT,
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_problem TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX erasure_jobs_open ON erasure_jobs (org_id, id) WHERE finished_at IS NULL;

CREATE TABLE idempotency_keys (
    org_id      TEXT NOT NULL,
    key_id      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status      INTEGER NOT NULL,
    etag        TEXT,
    location    TEXT,
    body        TEXT,
    shown_once  INTEGER NOT NULL CHECK (shown_once IN (0, 1)),
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    PRIMARY KEY (org_id, key_id, key)
) STRICT;
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (org_id, expires_at);

CREATE TABLE audit_events (
    org_id       TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           TEXT NOT NULL,
    actor_id     TEXT NOT NULL,
    actor_name   TEXT,
    key_id       TEXT,
    address      TEXT,
    request_id   TEXT,
    action       TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT,
    entry_id     TEXT,
    detail       TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX audit_events_subject ON audit_events (org_id, subject_id, id);

CREATE TABLE outbox (
    org_id     TEXT NOT NULL,
    id         TEXT NOT NULL,
    at         TEXT NOT NULL,
    type       TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    payload    TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;
