"""Stands between the scanners and the demo, and sees what they cannot tell.

A scanner knows neither that a form's key works once nor that signing out ends its scan, and it does not say which of its
requests were answered as signed in. So: every posted form gets a new key, what must not be touched is answered
here, and every answer is counted. The scanners are told nothing better than it was: bodies, headers and statuses pass
as they are.
"""

import http.client
import random
import re
import sqlite3
import threading
import urllib.parse
import uuid
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from visitor import SIGNED_OUT, kind

# A page with holes, so that a scanner that finds nothing elsewhere has shown that it can find something.
CANARY = "/audit-canary"
# Longest body of a request that is taken.
LIMIT_BYTES = 32 * 1024 * 1024
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection", "te", "upgrade"}


@dataclass(frozen=True)
class KeptOut:
    """What no scanner may reach, and why."""

    method: str
    path: str
    reason: str

    def covers(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and re.fullmatch(self.path, path.partition("?")[0]) is not None


@dataclass
class Broken:
    """An answer that says that something broke."""

    scanner: str
    method: str
    path: str
    status: int
    sent: str
    answer: str


class Watch:
    """The door that scanners knock at."""

    def __init__(self, kept_out: list[KeptOut]):
        self.kept_out = kept_out
        self.upstream = 0
        # Who scans now; nobody before and after.
        self.scanner = ""
        self.lock = threading.Lock()
        self.answers: Counter = Counter()
        self.shut: Counter = Counter()
        self.broken: list[Broken] = []
        self.lamps = canary_lamps()
        self.server = Server(("127.0.0.1", 0), type("Door", (Door,), {"watch": self}))
        self.port = self.server.server_address[1]
        self.url = f"http://localhost:{self.port}"

    def __enter__(self) -> "Watch":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()

    def is_kept_out(self, method: str, path: str) -> bool:
        return any(rule.covers(method, path) for rule in self.kept_out)

    def note(self, asked: "Door", status: int, location: str, sent: bytes, answer: bytes) -> None:
        method, path = asked.command, asked.path
        # Some probes come without the session on purpose; those that bring it must be let in.
        turned_away = status == 303 and location.startswith(SIGNED_OUT) and "signalbox=" in asked.headers.get("cookie", "")
        with self.lock:
            if not self.scanner:
                # The demo's own jobs ping through this door, also while it comes and goes.
                return
            self.answers[(self.scanner, "turned away" if turned_away else status)] += 1
            if status >= 500:
                self.broken.append(
                    Broken(self.scanner, method, path, status, excerpt(sent), excerpt(answer))
                )

    def search_canary(self, word: str) -> str:
        """The hole itself: what was typed goes into the statement and onto the page as it is."""
        with self.lock:
            try:
                rows = self.lamps.execute(f"SELECT name FROM lamp WHERE name = '{word}'").fetchall()
            except sqlite3.Error as error:
                return f"<p>sqlite3.OperationalError: {error}</p>"
        return f"<p>{word}: {len(rows)} lamps</p>" + "".join(f"<p>{name}</p>" for (name,) in rows)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A scanner that hangs up is no news."""


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait for the reader's word that the first has come.
    disable_nagle_algorithm = True
    watch: Watch

    def __getattr__(self, name: str):
        # Scanners also try methods that do not exist.
        if name.startswith("do_"):
            return self.relay
        raise AttributeError(name)

    def log_message(self, *_) -> None:
        pass

    def relay(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > LIMIT_BYTES or "transfer-encoding" in self.headers:
            self.close_connection = True
            return self.answer(413, [], b"")
        sent = self.rfile.read(length)
        if self.watch.is_kept_out(self.command, self.path):
            with self.watch.lock:
                self.watch.shut[f"{self.command} {kind(self.path.partition('?')[0])}"] += 1
            return self.answer(403, [("content-type", "text/plain")], b"kept from scanners")
        if self.path.partition("?")[0] == CANARY:
            return self.canary()
        status, headers, body = self.ask(self.command, self.path, with_new_key(sent, self.headers))
        location = next((value for name, value in headers if name.lower() == "location"), "")
        self.watch.note(self, status, location, sent, body)
        self.answer(status, headers, body)

    def source(self) -> tuple[str, int] | None:
        """Wrong keys are counted by network, and a scanner tries more of them than anybody: those come from anywhere."""
        if "authorization" not in self.headers:
            return None
        return f"127.{random.randrange(1, 255)}.{random.randrange(256)}.1", 0

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.watch.upstream, timeout=60, source_address=self.source())
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            if "sec-fetch-site" not in self.headers:
                connection.putheader("Sec-Fetch-Site", "same-origin")
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A request that cannot be sent says nothing of the product; one that it did not answer does.
            unsendable = isinstance(error, (ValueError, http.client.InvalidURL))
            return (400 if unsendable else 599), [], f"no answer: {error!r}".encode()
        finally:
            connection.close()

    def canary(self) -> None:
        status, _, _ = self.ask("GET", "/account", b"")
        if status != 200:
            return self.answer(303, [("location", SIGNED_OUT)], b"")
        query = urllib.parse.parse_qs(self.path.partition("?")[2], keep_blank_values=True)
        word = query.get("word", [""])[0]
        page = f"<!doctype html><html><body><h1>Lamps</h1>{self.watch.search_canary(word)}</body></html>"
        self.answer(200, [("content-type", "text/html; charset=utf-8")], page.encode("utf-8", "replace"))

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        try:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True


def with_new_key(body: bytes, headers) -> bytes:
    """A form's key works once; a scanner sends the same form a hundred times."""
    if headers.get("content-type", "").startswith("multipart/form-data"):
        pattern = rb'(name="idempotency"\r\n(?:[^\r]+\r\n)*\r\n)[^\r]*'
    else:
        pattern = rb"((?:^|&)idempotency=)[0-9a-fA-F-]{36}(?=&|$)"
    return re.sub(pattern, lambda found: found.group(1) + str(uuid.uuid4()).encode(), body)


def canary_lamps() -> sqlite3.Connection:
    lamps = sqlite3.connect(":memory:", check_same_thread=False)
    lamps.execute("CREATE TABLE lamp (id INTEGER, name TEXT)")
    lamps.executemany("INSERT INTO lamp VALUES (?, ?)", [(1, "red"), (2, "yellow"), (3, "blue")])
    return lamps


def excerpt(body: bytes) -> str:
    return body[:600].decode("utf-8", "replace")
