"""wapiti: crawls as one signed-in person and attacks what it finds."""

import json
import re
import subprocess
from pathlib import Path

from findings import Finding
from visitor import Visitor, kind, path_of
from watch import CANARY

# What applies here and needs nobody outside this machine.
MODULES = (
    "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,ldap,methods,permanentxss,redirect,sql,timesql,"
    "upload,xss"
)
SCANNER = "wapiti"
# Fewer pages than this and it was turned away at the door.
FEWEST_PAGES = 15


HOLES = ("SQL Injection", "Reflected Cross Site Scripting")


def scan(tool: Path, visitor: Visitor, crawl_secs: int, folder: Path) -> tuple[list[Finding], dict]:
    """Its findings, and how much it looked at. `crawl_secs` bounds the crawl; each module has a quarter of it."""
    door = visitor.door.geturl()
    options = [
        *("--url", f"{door}/", "--scope", "folder", "--module", MODULES),
        *("--exclude", f"{door}/live", "--exclude", f"{door}/assets/*"),
        *("--depth", "6", "--max-links-per-page", "60", "--max-files-per-dir", "8", "--max-parameters", "20"),
        *("--max-scan-time", str(crawl_secs), "--max-attack-time", str(crawl_secs // 4)),
    ]
    told, log = run(tool, visitor, folder, visitor.email.partition("@")[0], options, crawl_secs * 10)
    cut_short = re.findall(r"Max attack time was reached for module (\w+)", log)
    return findings(told), {"pages": told["infos"].get("crawled_pages_nbr", 0), "cut_short": cut_short}


def missed_holes(tool: Path, visitor: Visitor, folder: Path) -> list[str]:
    """What it does not find where there is something to find for whoever is signed in."""
    canary = f"{visitor.door.geturl()}{CANARY}?word=red"
    options = ["--url", canary, "--scope", "url", "--module", "sql,xss", "--max-attack-time", "60"]
    told, _ = run(tool, visitor, folder, "canary", options, 300)
    found = {finding.kind for finding in findings(told)}
    return [hole for hole in HOLES if hole not in found]


def run(
    tool: Path, visitor: Visitor, folder: Path, name: str, options: list[str], limit_secs: int
) -> tuple[dict, str]:
    report = folder / f"wapiti-{name}.json"
    report.unlink(missing_ok=True)
    command = [
        *(str(tool), *options),
        # Not with --drop-set-cookie: that drops this one too, and the scan is of the sign-in page.
        *("--cookie-value", visitor.cookie, "--level", "1", "--tasks", "4"),
        *("--format", "json", "--output", str(report), "--flush-session", "--no-bugreport", "--verbose", "1"),
        *("--store-session", str(folder / "wapiti-state"), "--store-config", str(folder / "wapiti-config")),
    ]
    log = report.with_suffix(".log")
    with log.open("wb") as out:
        subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=limit_secs, check=False)
    if not report.exists():
        raise RuntimeError(f"wapiti wrote no report; see {log}")
    return json.loads(report.read_text()), log.read_text(errors="replace")


def findings(told: dict) -> list[Finding]:
    """Weaknesses and anomalies alike."""
    found = []
    for part in ("vulnerabilities", "anomalies"):
        for name, entries in told[part].items():
            for entry in entries:
                found.append(
                    Finding(
                        SCANNER,
                        name,
                        entry["method"],
                        kind(path_of(entry["path"])),
                        entry.get("parameter") or "",
                        " ".join(entry["info"].split())[:240],
                    )
                )
    return found
