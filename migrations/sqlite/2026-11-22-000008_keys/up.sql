-- Key epochs are rotated, retired and destroyed while the service runs.

-- Since when new secrets are sealed under it; null before that.
ALTER TABLE key_epochs ADD COLUMN primary_since TEXT;
-- When the last secret under it was wrapped anew. It is destroyed some time later.
ALTER TABLE key_epochs ADD COLUMN retired_at TEXT;
-- From now on and not from its creation: the first rotation must not begin in the middle of an upgrade.
UPDATE key_epochs SET primary_since = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE is_primary;

-- The secrets of an epoch in the order in which they are wrapped anew.
CREATE INDEX secrets_epoch ON secrets (org_id, key_epoch, slot_id);

-- One row for each running service: a rotation waits until all that are alive have the new key.
CREATE TABLE key_replicas (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    -- The epochs whose keys it has, separated by spaces.
    epochs     TEXT NOT NULL,
    problem    TEXT,
    started_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) STRICT;
