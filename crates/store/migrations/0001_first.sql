-- Times are milliseconds since 1970 UTC. Addresses of record are `user@domain`, the domain in lower case.

CREATE TABLE accounts (
    aor          TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('person', 'service', 'administrator')),
    language     TEXT NOT NULL,
    ports        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE devices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    aor        TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    label      TEXT NOT NULL,
    md5        TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    sha512_256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE INDEX devices_aor ON devices (aor);

CREATE TABLE telephones (
    aor         TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    label       TEXT NOT NULL,
    number      TEXT,
    sip_uri     TEXT,
    kind        TEXT NOT NULL CHECK (kind IN ('work', 'home', 'mobile', 'other')),
    is_default  INTEGER NOT NULL,
    guard       INTEGER,
    when_to_use TEXT NOT NULL,
    PRIMARY KEY (aor, position),
    CHECK ((number IS NULL) <> (sip_uri IS NULL))
) WITHOUT ROWID;

CREATE TABLE tokens (
    hash       BLOB PRIMARY KEY,
    aor        TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    label      TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) WITHOUT ROWID;
CREATE INDEX tokens_aor ON tokens (aor);

-- No reference to accounts: the registrar may also serve accounts that another directory keeps.
CREATE TABLE bindings (
    aor        TEXT NOT NULL,
    contact    TEXT NOT NULL,
    instance   TEXT NOT NULL,
    reg_id     INTEGER,
    q_permille INTEGER NOT NULL,
    call_id    TEXT NOT NULL,
    cseq       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    path       TEXT NOT NULL,
    flow       TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    PRIMARY KEY (aor, contact, instance)
) WITHOUT ROWID;
CREATE INDEX bindings_expiry ON bindings (expires_at);

-- Who appears in the message log, as small numbers: its indexes are a third of the size they would be with the texts.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- The message log only ever grows at its end, so that a group commit writes few pages. What must be found by person stands in
-- message_index and pending, which are filled in sorted bulk up to log_state.indexed; newer rows are found by scanning.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    sender       INTEGER NOT NULL,
    recipient    INTEGER NOT NULL,
    direction    INTEGER NOT NULL,
    control      INTEGER NOT NULL,
    keep         INTEGER NOT NULL,
    device       TEXT,
    content_type TEXT NOT NULL,
    body         BLOB NOT NULL
);
CREATE TABLE deliveries (
    message INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    device  TEXT NOT NULL
);
CREATE TABLE message_index (
    person INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    PRIMARY KEY (person, id)
) WITHOUT ROWID;
CREATE TABLE pending (
    recipient INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    PRIMARY KEY (recipient, id)
) WITHOUT ROWID;
CREATE TABLE log_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    indexed  INTEGER NOT NULL
);
INSERT INTO log_state (only_row, indexed) VALUES (1, 0);

CREATE TABLE command_answers (
    command     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer      BLOB NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (command, actor)
) WITHOUT ROWID;
CREATE INDEX command_answers_at ON command_answers (at);

CREATE TABLE conferences (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    title      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    end_reason TEXT,
    end_words  TEXT
) WITHOUT ROWID;
CREATE INDEX conferences_created ON conferences (created_at);
CREATE INDEX conferences_open ON conferences (id) WHERE ended_at IS NULL;

CREATE TABLE legs (
    conference  TEXT NOT NULL REFERENCES conferences (id) ON DELETE CASCADE,
    leg         TEXT NOT NULL,
    participant TEXT NOT NULL,
    name        TEXT NOT NULL,
    user        TEXT,
    place       TEXT NOT NULL,
    address     TEXT NOT NULL,
    trunk       TEXT,
    state       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    dialled_at  INTEGER,
    ringing_at  INTEGER,
    answered_at INTEGER,
    joined_at   INTEGER,
    ended_at    INTEGER,
    end_reason  TEXT,
    sip         INTEGER,
    q850        INTEGER,
    end_words   TEXT,
    received    INTEGER NOT NULL,
    sent        INTEGER NOT NULL,
    lost        INTEGER NOT NULL,
    jitter_ms   REAL NOT NULL,
    PRIMARY KEY (conference, leg)
) WITHOUT ROWID;
CREATE INDEX legs_open ON legs (conference) WHERE ended_at IS NULL;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    detail  TEXT NOT NULL,
    request TEXT
);
