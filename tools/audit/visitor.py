"""Somebody who signs in as a person does, and looks for what can be typed into."""

import http.client
import re
import time
import urllib.parse
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser

PASSWORD = "signal lamps at dusk"
# Of pages that differ only in what they show, this many are looked at.
OF_A_KIND = 3
SIGNED_OUT = "/sign-in"
# Binds a form to its session.
TOKEN = "csrf"
# What has names of its own in addresses, behind these.
NAMED = ("packs", "items")
# A proof of identity lasts ten minutes, and one form is tried for no longer than that.
FRESH_SECS = 240
# What is typed where nothing stands, by the field's type.
SAMPLES = {"date": "2026-11-02", "email": "somebody@demo.signalbox", "search": "lamp", "text": "lamp"}


@dataclass
class Page:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def is_html(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/html")


@dataclass
class Form:
    """A form as it stands on a page, with a value in every field."""

    method: str
    action: str
    page: str
    fields: dict[str, str] = field(default_factory=dict)
    has_file: bool = False


class Reader(HTMLParser):
    """Gathers links and forms."""

    def __init__(self, page: str):
        super().__init__()
        self.page = page
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href"):
            self.links.append(urllib.parse.urljoin(self.page, given["href"]))
        elif tag == "form":
            action = urllib.parse.urljoin(self.page, given.get("action", "") or self.page)
            self.open = Form(given.get("method", "get").upper(), action, self.page)
            self.forms.append(self.open)
        elif self.open is not None:
            self.read_field(tag, given)

    def read_field(self, tag: str, given: dict[str, str]) -> None:
        name, fields = given.get("name"), self.open.fields
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select:
            # A filter that is on is worth more to a query than one that is off.
            if "selected" in given or not fields.get(self.select):
                fields[self.select] = given.get("value", "")
        elif not name:
            return
        elif given.get("type") == "file":
            self.open.has_file = True
        elif given.get("type") in ("checkbox", "radio"):
            if "checked" in given or name not in fields:
                fields[name] = given.get("value", "on")
        elif tag in ("input", "textarea", "button"):
            fields.setdefault(name, given.get("value", "") or SAMPLES.get(given.get("type", "text"), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = None


def read(page: str, body: str) -> Reader:
    reader = Reader(page)
    reader.feed(body)
    return reader


def kind(path: str) -> str:
    """A path with ids left out and only the names of its parameters."""
    path, _, query = path.partition("?")
    parts = path.split("/")
    parts = ["…" if is_id(part) or before in NAMED else part for before, part in zip(["", *parts], parts)]
    names = sorted({name for name, _ in urllib.parse.parse_qsl(query, keep_blank_values=True)})
    return "/".join(parts) + ("?" + "&".join(names) if names else "")


def is_id(part: str) -> bool:
    return bool(re.fullmatch(r"\d+|[0-9a-fA-F-]{16,}|[\w.-]*\.[\w.-]*", part))


class Visitor:
    """One person's browser. It goes to the demo itself; what scanners are kept out of is not shut to it."""

    def __init__(self, door: str, port: int, email: str):
        self.door = urllib.parse.urlsplit(door)
        self.port = port
        self.email = email
        self.cookies: dict[str, str] = {}
        self.name = ""
        self.signed_in = 0.0

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": self.door.netloc, "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            headers["Cookie"] = self.cookie
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    name, _, value = value.split(";")[0].partition("=")
                    self.cookies[name.strip()] = value.strip()
            return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            connection.close()

    def send(self, page: str, action: str, typed: dict[str, str]) -> Page:
        forms = read(page, self.ask("GET", page).body).forms
        form = next((form for form in forms if form.method == "POST" and path_of(form.action) == action), None)
        if form is None:
            raise RuntimeError(f"{page} has no form that posts to {action}")
        return self.ask("POST", action, form.fields | typed)

    def sign_in(self, code) -> None:
        """E-mail and password, then the code of the moment. A code works once, so a second try waits for the next."""
        self.cookies.clear()
        self.send("/sign-in", "/sign-in", {"email": self.email, "password": PASSWORD})
        for wait_secs in (0, 31):
            time.sleep(wait_secs)
            answer = self.send("/sign-in/code", "/sign-in/code", {"code": code(self.email)})
            if answer.status == 303:
                break
        self.name = self.who()
        self.signed_in = time.monotonic()
        if not self.name:
            raise RuntimeError(f"{self.email} could not sign in: the code was answered {answer.status}")

    def stay_fresh(self, code) -> None:
        """Acts that need a proof of identity are tried with one that still holds."""
        if time.monotonic() - self.signed_in > FRESH_SECS:
            self.sign_in(code)

    def renew(self, form: Form) -> None:
        """A form that was read in an earlier session is sent with the token of this one."""
        if TOKEN in form.fields:
            own = read("/account", self.ask("GET", "/account").body).forms
            form.fields[TOKEN] = next(it.fields[TOKEN] for it in own if TOKEN in it.fields)

    def who(self) -> str:
        """The name on the account page; empty for whoever is not signed in."""
        page = self.ask("GET", "/account")
        if page.status != 200 or self.email not in page.body:
            return ""
        return self.email

    def forms(self, is_kept_out) -> list[Form]:
        """Every kind of link with parameters and of form that this person is shown."""
        found: dict[tuple[str, str], Form] = {}
        seen: dict[str, int] = {}
        visited: set[str] = set()
        waiting = deque(["/", "/account"])
        while waiting:
            path = waiting.popleft()
            if path in visited or seen.get(kind(path), 0) >= OF_A_KIND or is_kept_out("GET", path):
                continue
            visited.add(path)
            seen[kind(path)] = seen.get(kind(path), 0) + 1
            page = self.ask("GET", path)
            if "location" in page.headers:
                waiting.append(path_of(page.headers["location"], True))
            if not page.is_html:
                continue
            reader = read(path, page.body)
            for link in reader.links:
                if is_ours(link, self.door.netloc):
                    waiting.append(path_of(link, True))
            forms = reader.forms + [link_as_form(path)] if "?" in path or is_of_one(path) else reader.forms
            for form in forms:
                names = "&".join(sorted(form.fields))
                found.setdefault((form.method, f"{kind(path_of(form.action))}?{names}"), form)
        return [form for form in found.values() if not is_kept_out(form.method, path_of(form.action))]


def is_of_one(path: str) -> bool:
    return any(is_id(part) for part in path.split("/"))


def link_as_form(path: str) -> Form:
    plain, _, query = path.partition("?")
    return Form("GET", plain, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))


def path_of(url: str, with_query: bool = False) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts.path + (f"?{parts.query}" if with_query and parts.query else "")


def is_ours(url: str, netloc: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in ("", "http") and parts.netloc in ("", netloc) and not parts.path.startswith("/assets/")
