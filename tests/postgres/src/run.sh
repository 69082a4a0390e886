# Runs a Postgres server for as long as standard input stays open, then removes everything it made.
# Arguments: the folder of the programs, the folder to work in, the port.
set -eu
export HOME="$2"
cd "$2"
"$1/initdb" -D "$2/data" -U admin -A trust -E UTF8 --locale=C --no-sync >"$2/log" 2>&1
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 start >/dev/null -o \
    "-p $3 -k $2 -h 127.0.0.1 -c max_connections=400 -c fsync=off -c full_page_writes=off -c shared_buffers=64MB"
echo ready
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null
rm -rf "$2"
