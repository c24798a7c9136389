-- What a receipt says that is known at the moment of the deletion alone; the rest is in the entry. Written by the move
-- itself, so that there is no deletion without it, and never changed or removed: it outlives the purge. An entry that was
-- imported, or is older than this table, has none.
CREATE TABLE receipts (
    org_id              uuid NOT NULL,
    entry_id            uuid NOT NULL,
    -- The names of the secret fields that were shredded, a JSON array.
    fields              text COLLATE "C" NOT NULL,
    -- SHA-256 in hex over the ids that were moved: 16 bytes each, in ascending order, nothing between them.
    integrations_sha256 text COLLATE "C" NOT NULL,
    connections_sha256  text COLLATE "C" NOT NULL,
    models_sha256       text COLLATE "C" NOT NULL,
    content_sha256      text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, entry_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);

-- The keys that receipts are signed with; Ed25519. The private half is a secret of its own (owner kind "signer"). Rows are
-- never removed: a receipt is checked by the key it was signed with, whatever became of that.
CREATE TABLE receipt_keys (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    -- 32 bytes in Base64.
    public_key text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id) REFERENCES organizations (id)
);
CREATE UNIQUE INDEX receipt_keys_current ON receipt_keys (org_id) WHERE retired_at IS NULL;
