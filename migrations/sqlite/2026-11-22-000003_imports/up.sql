-- What was imported through the API, or is being imported: a record that any replica answers from. The rows
-- themselves are written in one transaction of their own, which also closes the record.
CREATE TABLE imports (
    org_id         TEXT NOT NULL REFERENCES organizations (id),
    id             TEXT NOT NULL,
    source         TEXT NOT NULL CHECK (source IN ('ndjson', 'superset')),
    state          TEXT NOT NULL
        CHECK (state IN ('waiting', 'validating', 'writing', 'done', 'failed')),
    validate_only  INTEGER NOT NULL CHECK (validate_only IN (0, 1)),
    bytes          INTEGER NOT NULL,
    rows_read      INTEGER NOT NULL,
    rows_total     INTEGER,
    report         TEXT,
    problems       TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    created_by     TEXT NOT NULL,
    alive_at       TEXT NOT NULL,
    finished_at    TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX imports_open ON imports (org_id, id) WHERE finished_at IS NULL;
