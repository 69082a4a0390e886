"""A front of Freehold's tests that gives today's engine of ClickHouse (chdb), which has no server, the HTTP interface.

Settings come in the query, the statement too, and rows in the body; an exception's code goes into a header. It asks nobody who
they are. `/front/lose` has an answer lost, after as many inserts as its body says: what it writes is written.

Usage: front.py PORT FOLDER.
"""

import re
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chdb import session

SESSION, TURN, LOST = session.Session(sys.argv[2]), threading.Lock(), []


def settings_of(given):
    quoted = lambda value: "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return ", ".join(f"{name} = {value if value.isdigit() else quoted(value)}" for name, value in given.items())


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, code=None):
        self.send_response(status)
        if code:
            self.send_header("x-clickhouse-exception-code", code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, b"Ok.\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        if self.path == "/front/lose":
            LOST.append(int(body))
            return self.answer(200, b"")
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        statement = given.pop("query", "")
        if statement and given:
            # Settings stand in front of the format, as the engine wants them in a statement.
            statement = statement.replace(" FORMAT ", f" SETTINGS {settings_of(given)} FORMAT ")
        if statement and not body.strip():
            # Nothing to insert: the engine takes no empty statement, and looks at the table and its columns all the same.
            target = re.sub(r" SETTINGS .*", "", statement.replace("INSERT INTO ", "", 1))
            table, _, columns = target.partition(" (")
            statement = f"SELECT {columns.split(')')[0] or '*'} FROM {table.split(' FORMAT')[0]} LIMIT 0"
        try:
            with TURN:
                # The statement ends at its line: rows follow.
                result = SESSION.query(f"{statement}\n{body}" if statement else body, "CSV")
            if statement and body.strip() and LOST:
                LOST[0] -= 1
                if LOST[0] < 0:
                    LOST.clear()
                    return self.answer(503, b"lost")
            self.answer(200, bytes(result.bytes() or b"") if result is not None else b"")
        except Exception as refused:
            said = str(refused)
            code = re.search(r"Code: (\d+)", said)
            self.answer(500, said.encode(), code and code.group(1))


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door).serve_forever()
