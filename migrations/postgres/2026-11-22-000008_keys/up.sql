-- Key epochs are rotated, retired and destroyed while the service runs.

-- Since when new secrets are sealed under it; null before that.
ALTER TABLE key_epochs ADD COLUMN primary_since timestamptz;
-- When the last secret under it was wrapped anew. It is destroyed some time later.
ALTER TABLE key_epochs ADD COLUMN retired_at timestamptz;
-- From now on and not from its creation: the first rotation must not begin in the middle of an upgrade.
UPDATE key_epochs SET primary_since = clock_timestamp() WHERE is_primary;

-- The secrets of an epoch in the order in which they are wrapped anew.
CREATE INDEX secrets_epoch ON secrets (org_id, key_epoch, slot_id);

-- One row for each running service: a rotation waits until all that are alive have the new key.
CREATE TABLE key_replicas (
    id         uuid PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    -- The epochs whose keys it has, separated by spaces.
    epochs     text COLLATE "C" NOT NULL,
    problem    text COLLATE "C",
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
