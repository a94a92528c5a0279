-- How each person can take part in a conference: the database of modes beside the IM server. `position` is the person's own order.
CREATE TABLE modes (
    aor       TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    mode      TEXT NOT NULL,
    address   TEXT NOT NULL,
    place     TEXT NOT NULL,
    source    TEXT NOT NULL CHECK (source IN ('registration', 'profile', 'conference', 'by-hand')),
    video     INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (aor, mode, address)
) WITHOUT ROWID;
