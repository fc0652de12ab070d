"""A mail server that keeps what it is sent, with the part of Mailpit's API that the test reads.

A mail is on the disk before it is accepted, so that what was accepted outlives the process.
"""

import email
import email.policy
import email.utils
import json
import os
import pathlib
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller

FOLDER = pathlib.Path("/var/tmp/mails")


class Keep:
    async def handle_DATA(self, server, session, envelope):
        recipients = "".join(f"X-Envelope-To: {address}\r\n" for address in envelope.rcpt_tos)
        unfinished = FOLDER / f".{uuid.uuid4()}"
        with unfinished.open("wb") as file:
            file.write(recipients.encode() + envelope.content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(FOLDER / unfinished.name[1:])
        return "250 OK"


def read(path):
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def summary(path):
    mail = read(path)
    return {
        "ID": path.name,
        "MessageID": mail["Message-ID"].strip("<>"),
        "To": [{"Address": str(address)} for address in mail.get_all("X-Envelope-To")],
        "Subject": mail["Subject"],
    }


def messages(query):
    start, limit = (int(query.get(name, [usual])[0]) for name, usual in (("start", 0), ("limit", 50)))
    kept = [path for path in FOLDER.iterdir() if not path.name.startswith(".")]
    kept.sort(key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    return {"total": len(kept), "messages": [summary(path) for path in kept[start : start + limit]]}


def message(name):
    path = FOLDER / str(uuid.UUID(name))
    return summary(path) | {"Text": read(path).get_body(("plain",)).get_content()}


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        try:
            if url.path == "/api/v1/messages":
                answer = messages(parse_qs(url.query))
            else:
                answer = message(url.path.removeprefix("/api/v1/message/"))
        except (ValueError, FileNotFoundError):
            self.send_error(404)
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


FOLDER.mkdir(parents=True, exist_ok=True)
Controller(Keep(), hostname="0.0.0.0", port=1025).start()
ThreadingHTTPServer(("", 8025), Api).serve_forever()
