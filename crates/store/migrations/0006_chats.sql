-- What two people wrote to each other, found by the two: like message_index filled in sorted bulk up to log_state.indexed,
-- newer rows are found by scanning. `low` and `high` are the two in the order of their numbers.
CREATE TABLE chat_index (
    low      INTEGER NOT NULL,
    high     INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    from_low INTEGER NOT NULL,
    -- Whether it counts as unread: texts and invitations do, answers to invitations do not.
    counts   INTEGER NOT NULL,
    PRIMARY KEY (low, high, id)
) WITHOUT ROWID;

-- With whom somebody has a chat.
CREATE TABLE chat_pairs (
    person INTEGER NOT NULL,
    other  INTEGER NOT NULL,
    PRIMARY KEY (person, other)
) WITHOUT ROWID;

-- Up to where somebody has read a chat.
CREATE TABLE chat_reads (
    person INTEGER NOT NULL,
    other  INTEGER NOT NULL,
    up_to  INTEGER NOT NULL,
    PRIMARY KEY (person, other)
) WITHOUT ROWID;

-- What notifications (RFC 5438) said of messages: `recipient` had sent the message that `imdn` names, `sender` got it.
CREATE TABLE receipts (
    message   INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    sender    INTEGER NOT NULL,
    imdn      TEXT NOT NULL,
    displayed INTEGER NOT NULL
);
CREATE INDEX receipts_of ON receipts (recipient, sender, imdn);
