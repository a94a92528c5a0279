-- The words of names and the user parts of addresses, in lower case, so that people are found by the beginnings of words
-- without reading every account. Filled by the program.
CREATE TABLE account_words (
    word TEXT NOT NULL,
    aor  TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    PRIMARY KEY (word, aor)
) WITHOUT ROWID;
CREATE INDEX account_words_aor ON account_words (aor);

-- Each person's own list: accounts of this server by address, others by number.
CREATE TABLE contacts (
    owner    TEXT NOT NULL REFERENCES accounts (aor) ON DELETE CASCADE,
    contact  TEXT NOT NULL,
    name     TEXT NOT NULL,
    favourite INTEGER NOT NULL,
    PRIMARY KEY (owner, contact)
) WITHOUT ROWID;
CREATE TABLE contact_numbers (
    owner    TEXT NOT NULL,
    contact  TEXT NOT NULL,
    position INTEGER NOT NULL,
    label    TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('work', 'home', 'mobile', 'other')),
    number   TEXT NOT NULL,
    PRIMARY KEY (owner, contact, position),
    FOREIGN KEY (owner, contact) REFERENCES contacts (owner, contact) ON DELETE CASCADE
) WITHOUT ROWID;

-- Somebody's calls are found by whose they were.
CREATE INDEX legs_user ON legs (user, conference) WHERE user IS NOT NULL;
CREATE INDEX conferences_owner ON conferences (owner);
