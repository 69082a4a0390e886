-- Makes the roles and the schema that Freehold needs. Run it once, as an administrator, in the database that is to be
-- Freehold's; running it again changes nothing. Then make the role that Freehold logs in as:
--
--     CREATE ROLE freehold LOGIN NOINHERIT PASSWORD '...';
--     GRANT freehold_owner, freehold_app, freehold_worker TO freehold;
--
-- None of these roles may be a superuser or have BYPASSRLS: Freehold refuses to start then.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['freehold_owner', 'freehold_app', 'freehold_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', name);
        END IF;
    END LOOP;
END
$$;
CREATE SCHEMA IF NOT EXISTS freehold AUTHORIZATION freehold_owner;
GRANT USAGE ON SCHEMA freehold TO freehold_app, freehold_worker;
