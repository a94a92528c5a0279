-- The passwords with which people sign in, as PHC strings (Argon2id). SIP devices have passwords of their own, in `devices`.
CREATE TABLE passwords (
    aor        TEXT PRIMARY KEY REFERENCES accounts (aor) ON DELETE CASCADE,
    phc        TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Who is signed in where: the cookie lasts long, the tokens that it renews are short-lived. Of both only SHA-256 is kept.
CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    aor        TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    cookie     BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_aor ON sessions (aor);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE session_tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    session    INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
);
CREATE INDEX session_tokens_session ON session_tokens (session);
CREATE INDEX session_tokens_expiry ON session_tokens (expires_at);
