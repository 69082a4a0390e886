-- Which host holds a lease, so that it finds its own again after a restart. Only where several share a database.
ALTER TABLE batches ADD COLUMN lease_host TEXT;
-- `only` is a reserved word elsewhere.
ALTER TABLE canary RENAME COLUMN only TO place;
ALTER TABLE attempts_digested RENAME COLUMN only TO place;
