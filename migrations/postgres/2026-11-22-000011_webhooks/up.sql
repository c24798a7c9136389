-- Webhooks: where events are sent, and what is on its way there.

-- Its signing secrets are rows of `secrets` (owner kind `webhook`).
CREATE TABLE webhook_endpoints (
    org_id            uuid NOT NULL REFERENCES organizations (id),
    id                uuid NOT NULL,
    url               text COLLATE "C" NOT NULL,
    description       text COLLATE "C" NOT NULL,
    format            text COLLATE "C" NOT NULL CHECK (format IN ('standard', 'text')),
    -- Event types and families (`trash.*`), separated by spaces; empty for all.
    types             text COLLATE "C" NOT NULL,
    state             text COLLATE "C" NOT NULL CHECK (state IN ('enabled', 'disabled')),
    -- Why it is disabled.
    stop              text COLLATE "C" CHECK (stop IN ('by_hand', 'gone', 'failing', 'secret_lost')),
    -- The number of the last event that was made a delivery, or that its types leave out.
    position          bigint NOT NULL,
    -- Tries that failed since the last that did not; until then nothing more is tried.
    failures          integer NOT NULL,
    paused_until      timestamptz,
    last_delivered_at timestamptz,
    -- Until then what is sent is signed by the secret before the last rotation, too.
    previous_until    timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    version           bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- One event on its way to one endpoint. The body is kept, so that each try sends the same bytes.
CREATE TABLE webhook_deliveries (
    org_id          uuid NOT NULL,
    endpoint_id     uuid NOT NULL,
    event_id        uuid NOT NULL,
    seq             bigint NOT NULL,
    type            text COLLATE "C" NOT NULL,
    body            text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL,
    -- What the last try came to.
    outcome         text COLLATE "C" CHECK (outcome IN ('delivered', 'refused', 'redirected', 'busy', 'gone', 'unreachable',
        'tls_failed', 'timeout', 'refused_by_policy', 'protocol_error')),
    status          integer,
    created_at      timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    -- Who sends it has it until then; if nothing was written down by then, it is sent again.
    leased_until    timestamptz,
    attempted_at    timestamptz,
    finished_at     timestamptz,
    PRIMARY KEY (org_id, endpoint_id, event_id),
    FOREIGN KEY (org_id, endpoint_id) REFERENCES webhook_endpoints (org_id, id)
);
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (org_id, endpoint_id, next_attempt_at) WHERE finished_at IS NULL;
CREATE INDEX webhook_deliveries_closed ON webhook_deliveries (org_id, endpoint_id, finished_at);
