#!/usr/bin/env python3
"""A minimal receiver of aftercall's webhooks: verifies, remembers, answers. Python 3.8 or newer, only the standard library.

WEBHOOK_SECRET=whsec_… PORT=9000 python3 receiver.py
"""
import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verify import Refused, verify

SECRET = os.environ["WEBHOOK_SECRET"]
DATABASE = os.environ.get("DATABASE", ":memory:")  # a file outlives a restart
MAX_BODY = 2 << 20  # more than aftercall sends


def take(database, webhook_id: str, event: dict) -> bool:
    """Does the work once: the id and what comes of the event go into one transaction. False if the id is known."""
    try:
        with database:
            database.execute("INSERT INTO seen (webhook_id) VALUES (?)", (webhook_id,))
            # … write what you make of the event here, with the same connection.
    except sqlite3.IntegrityError:
        return False
    return True


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15

    def do_POST(self):
        length = self.headers.get("content-length") or ""
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))  # raw: nothing has parsed it yet
        try:
            webhook_id = verify(SECRET, self.headers, body)
        except Refused as error:
            return self.answer(401, str(error))
        event = json.loads(body)
        known = not take(self.server.database, webhook_id, event)
        return self.answer(200, f"verified {event['type']} {webhook_id}{' again' if known else ''}")

    def answer(self, status: int, text: str = ""):
        print(status, text, flush=True)
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    database = sqlite3.connect(DATABASE, check_same_thread=False)


if __name__ == "__main__":
    Server.database.execute("CREATE TABLE IF NOT EXISTS seen (webhook_id TEXT PRIMARY KEY)")
    server = Server(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
