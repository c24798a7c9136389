-- What was imported through the API, or is being imported: a record that any replica answers from. The rows
-- themselves are written in one transaction of their own, which also closes the record.
CREATE TABLE imports (
    org_id         uuid NOT NULL REFERENCES organizations (id),
    id             uuid NOT NULL,
    source         text COLLATE "C" NOT NULL CHECK (source IN ('ndjson', 'superset')),
    state          text COLLATE "C" NOT NULL
        CHECK (state IN ('waiting', 'validating', 'writing', 'done', 'failed')),
    validate_only  boolean NOT NULL,
    bytes          bigint NOT NULL,
    rows_read      bigint NOT NULL,
    rows_total     bigint,
    report         text COLLATE "C",
    problems       text COLLATE "C" NOT NULL,
    created_at     timestamptz NOT NULL,
    created_by     text COLLATE "C" NOT NULL,
    alive_at       timestamptz NOT NULL,
    finished_at    timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX imports_open ON imports (org_id, id) WHERE finished_at IS NULL;
