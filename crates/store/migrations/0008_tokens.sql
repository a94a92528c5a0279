-- The tokens of programs have numbers by which they are taken back. A webhook that was made with one goes with it.
CREATE TABLE numbered_tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    aor        TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    label      TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
);
INSERT INTO numbered_tokens (hash, aor, label, scopes, created_at, expires_at)
    SELECT hash, aor, label, scopes, created_at, expires_at FROM tokens ORDER BY created_at;
DROP TABLE tokens;
ALTER TABLE numbered_tokens RENAME TO tokens;
CREATE INDEX tokens_aor ON tokens (aor);
CREATE INDEX tokens_expiry ON tokens (expires_at);

ALTER TABLE webhooks ADD COLUMN token INTEGER REFERENCES tokens (id) ON DELETE CASCADE;
CREATE INDEX webhooks_token ON webhooks (token);
