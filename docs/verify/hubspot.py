#!/usr/bin/env python3
"""Writes each summary as a note on its company in HubSpot. Python 3.8 or newer, only the standard library.

WEBHOOK_SECRET=whsec_… HUBSPOT_TOKEN=… DATABASE=seen.sqlite PORT=9000 python3 hubspot.py

There is no queue here: what HubSpot cannot take now is answered 503, and aftercall comes again.
"""
import html
import json
import os
import sqlite3
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verify import Refused, verify

SECRET, TOKEN = os.environ["WEBHOOK_SECRET"], os.environ["HUBSPOT_TOKEN"]
API = os.environ.get("HUBSPOT_API", "https://api.hubapi.com") + "/crm/objects/2026-03"
COMPANY_BY = os.environ.get("COMPANY_BY", "name")  # or a property of yours that holds the account's number
NOTE_TO_COMPANY = 190  # HubSpot's type of this association
ONE_AT_A_TIME = threading.Lock()


def hubspot(path: str, body: dict) -> dict:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(API + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def write_note(event: dict) -> str:
    call, summary = event["data"]["call"], event["data"]["summary"]
    wanted = (call["account"] or {}).get("name" if COMPANY_BY == "name" else "number")
    if not wanted:
        return "no account"
    found = {"filterGroups": [{"filters": [{"propertyName": COMPANY_BY, "operator": "EQ", "value": wanted}]}], "limit": 2}
    companies = hubspot("/companies/search", found)["results"]
    if len(companies) != 1:
        return f"{len(companies)} companies"
    items = "".join(f"<li>{html.escape(item['text'])}</li>" for item in summary["action_items"])
    text = f"<b>{html.escape(summary['headline'])}</b><p>{html.escape(summary['text'])}</p><ul>{items}</ul>"
    association = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": NOTE_TO_COMPANY}
    hubspot("/notes", {
        "properties": {"hs_timestamp": call["started_at"] or event["timestamp"], "hs_note_body": text[:65000]},
        "associations": [{"to": {"id": companies[0]["id"]}, "types": [association]}],
    })
    return "noted"


class Receiver(BaseHTTPRequestHandler):
    timeout = 15

    def do_POST(self):
        try:
            body = self.rfile.read(min(int(self.headers.get("content-length") or 0), 2 << 20))
            webhook_id, event = verify(SECRET, self.headers, body), json.loads(body)
            with ONE_AT_A_TIME, sqlite3.connect(os.environ.get("DATABASE", "seen.sqlite")) as database:
                database.execute("CREATE TABLE IF NOT EXISTS seen (webhook_id TEXT PRIMARY KEY)")
                if database.execute("SELECT 1 FROM seen WHERE webhook_id = ?", (webhook_id,)).fetchone():
                    return self.answer(200, "known")
                did = write_note(event) if event["type"] == "call.summarised" else "not for HubSpot"
                database.execute("INSERT INTO seen (webhook_id) VALUES (?)", (webhook_id,))
            self.answer(200, did)
        except Refused as error:
            self.answer(401, str(error))
        except ValueError as error:
            self.answer(400, str(error))
        except urllib.error.HTTPError as error:  # 429 and 5xx pass; any other needs a person, and retries leave time for one
            self.answer(503 if error.code == 429 or error.code >= 500 else 500, f"HubSpot answered {error.code}")
        except OSError as error:
            self.answer(503, f"HubSpot cannot be reached: {error}")

    def answer(self, status: int, text: str):
        self.send_response(status)
        if status == 503:
            self.send_header("retry-after", "15")
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
