"""sqlmap: tries every parameter of every kind of form and link for SQL injection."""

import re
import subprocess
import urllib.parse
from pathlib import Path

from findings import Finding
from visitor import TOKEN, Form, Visitor, is_id, kind, path_of
from watch import CANARY

SCANNER = "sqlmap"
# Longest that one form may take.
LIMIT_SECS = 600
# Ours, and worth nothing to a query: the session's token and the form's key.
HIDDEN = (TOKEN, "idempotency")


def canary(door: str) -> Form:
    return Form("GET", f"{door}{CANARY}", "/", {"word": "red"})


def scan(tool: Path, visitor: Visitor, form: Form, folder: Path) -> tuple[list[Finding], str]:
    """What it found in one form, and what stands in the way of believing it; empty when nothing does."""
    targets = parameters(form)
    door = visitor.door.geturl()
    url = urllib.parse.urljoin(door, form.action).partition("?")[0]
    command = [
        str(tool),
        *("--cookie", visitor.cookie, "--drop-set-cookie", "--batch", "--disable-coloring", "--ignore-redirects"),
        *("--level", "2", "--risk", "1", "--timeout", "30", "--retries", "1", "--ignore-code", "*"),
        *("--skip", ",".join((*HIDDEN, "cookie", "user-agent", "referer", "host"))),
        *("--flush-session", "--output-dir", str(folder / "sqlmap")),
    ]
    if not path_of(url).startswith(CANARY):
        command += ["--dbms", "PostgreSQL"]
    if not targets:
        # The id in the path is what is left to try.
        url = "/".join(f"{part}*" if is_id(part) else part for part in url.split("/"))
    data = urllib.parse.urlencode(form.fields)
    if form.method == "POST":
        command += ["--data", data or "x=1"]
    elif targets:
        url += f"?{data}"
    done = run([*command, "--url", url])
    with (folder / "sqlmap.log").open("a") as log:
        log.write(f"\n== {form.method} {url}\n{done}")
    return judge(form, done)


def run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_SECS, stdin=subprocess.DEVNULL, check=False
        )
        return done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return f"[CRITICAL] not finished after {LIMIT_SECS} s"


def parameters(form: Form) -> list[str]:
    return [name for name in form.fields if name not in HIDDEN]


def judge(form: Form, said: str) -> tuple[list[Finding], str]:
    """sqlmap says in one of two sentences how it ended. Without either it has proved nothing."""
    where = kind(path_of(form.action))
    if "identified the following injection point" in said:
        found = re.findall(r"^Parameter: (\S+).*?^\s+Title: (.*?)$", said, re.MULTILINE | re.DOTALL)
        return [Finding(SCANNER, "SQL injection", form.method, where, name, title) for name, title in found], ""
    if "all tested parameters do not appear to be injectable" in said:
        return [], ""
    critical = re.findall(r"\[CRITICAL\] (.*)", said) or said.strip().splitlines()[-1:] or ["it said nothing"]
    return [], f"sqlmap did not finish with {form.method} {where}: {critical[-1][:200]}"
