-- Webhooks: where events are sent, and what is on its way there.

-- Its signing secrets are rows of `secrets` (owner kind `webhook`).
CREATE TABLE webhook_endpoints (
    org_id            TEXT NOT NULL REFERENCES organizations (id),
    id                TEXT NOT NULL,
    url               TEXT NOT NULL,
    description       TEXT NOT NULL,
    format            TEXT NOT NULL CHECK (format IN ('standard', 'text')),
    -- Event types and families (`trash.*`), separated by spaces; empty for all.
    types             TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('enabled', 'disabled')),
    -- Why it is disabled.
    stop              TEXT CHECK (stop IN ('by_hand', 'gone', 'failing', 'secret_lost')),
    -- The number of the last event that was made a delivery, or that its types leave out.
    position          INTEGER NOT NULL,
    -- Tries that failed since the last that did not; until then nothing more is tried.
    failures          INTEGER NOT NULL,
    paused_until      TEXT,
    last_delivered_at TEXT,
    -- Until then what is sent is signed by the secret before the last rotation, too.
    previous_until    TEXT,
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    version           INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

-- One event on its way to one endpoint. The body is kept, so that each try sends the same bytes.
CREATE TABLE webhook_deliveries (
    org_id          TEXT NOT NULL,
    endpoint_id     TEXT NOT NULL,
    event_id        TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    type            TEXT NOT NULL,
    body            TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        INTEGER NOT NULL,
    -- What the last try came to.
    outcome         TEXT CHECK (outcome IN ('delivered', 'refused', 'redirected', 'busy', 'gone', 'unreachable',
        'tls_failed', 'timeout', 'refused_by_policy', 'protocol_error')),
    status          INTEGER,
    created_at      TEXT NOT NULL,
    next_attempt_at TEXT NOT NULL,
    -- Who sends it has it until then; if nothing was written down by then, it is sent again.
    leased_until    TEXT,
    attempted_at    TEXT,
    finished_at     TEXT,
    PRIMARY KEY (org_id, endpoint_id, event_id),
    FOREIGN KEY (org_id, endpoint_id) REFERENCES webhook_endpoints (org_id, id)
) STRICT;
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (org_id, endpoint_id, next_attempt_at) WHERE finished_at IS NULL;
CREATE INDEX webhook_deliveries_closed ON webhook_deliveries (org_id, endpoint_id, finished_at);
