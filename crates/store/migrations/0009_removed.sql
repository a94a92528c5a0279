-- Whether the participant of a leg was taken off the roster: they are told no more of the conference.
ALTER TABLE legs ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
