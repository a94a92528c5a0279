-- Display names in lower case, so that people are found by them without reading every account. SQLite knows ASCII letters
-- only; the names with others are filled in by the program.
ALTER TABLE accounts ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
UPDATE accounts SET name_key = lower(display_name);
CREATE INDEX accounts_name_key ON accounts (name_key);
