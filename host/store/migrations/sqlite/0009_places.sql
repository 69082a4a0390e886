-- `only` is a reserved word elsewhere.
ALTER TABLE canary RENAME COLUMN only TO place;
ALTER TABLE attempts_digested RENAME COLUMN only TO place;
