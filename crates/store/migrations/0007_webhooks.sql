-- Where programs of people are told what happens, and what they have yet to be told.
CREATE TABLE webhooks (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    aor           TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    url           TEXT NOT NULL,
    events        TEXT NOT NULL,
    secret        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    failing_since INTEGER,
    last_error    TEXT
);
CREATE INDEX webhooks_aor ON webhooks (aor);

CREATE TABLE webhook_deliveries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook    INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    body       BLOB NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);
