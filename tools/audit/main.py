"""Scans a demo of our own, signed in, and says what was found that nobody has explained.

    python3 tools/audit PROGRAM TOOLS REPORTS [--only SCANNER] [--minutes N] [--person NAME]...
"""

import argparse
import signal
import sys
import time
from pathlib import Path

import findings as lists
import scan_schema
import scan_sqlmap
import scan_wapiti
from demo import RAISED, Demo
from findings import Finding
from visitor import Visitor, kind, path_of
from watch import Watch

HERE = Path(__file__).parent
SCANNERS = ("schemathesis", "wapiti", "sqlmap")
# Between them they see every page and every form.
# The administrator last: the scan finds the form that shuts people out, and uses it.
PEOPLE = ("compliance", "operator", "reviewer", "auditor", "admin")


class Run:
    """One whole audit: what it found and what of it did not go as it must."""

    def __init__(self, arguments: argparse.Namespace):
        self.given = arguments
        self.explanations, kept_out = lists.read_list(HERE / "explained.toml")
        self.watch = Watch(kept_out)
        self.found: list[Finding] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.tried: set[tuple[str, str]] = set()

    def everything(self, demo: Demo) -> None:
        if "schemathesis" in self.given.only:
            self.schemathesis(demo)
        if self.given.only == ["schemathesis"]:
            self.watch.scanner = ""
            return
        if "sqlmap" in self.given.only:
            self.hold_to_canary(demo)
        for name in self.given.person or PEOPLE:
            self.scan_as(demo, f"{name}@demo.signalbox")
        self.watch.scanner = ""

    def scan_as(self, demo: Demo, email: str) -> None:
        visitor = Visitor(self.watch.url, demo.port, email)
        visitor.sign_in(demo.code)
        say(f"Signed in as {email}")
        if "wapiti" in self.given.only:
            self.wapiti(visitor)
        if "sqlmap" in self.given.only:
            visitor.sign_in(demo.code)
            self.sqlmap(visitor, demo)

    def schemathesis(self, demo: Demo) -> None:
        """Twice: with ids that are made up, and with ids of what there is."""
        self.watch.scanner = "schemathesis"
        key = demo.say("key", "add", "--name", "audit", "--scope", *scan_schema.SCOPES)
        tool, reports = self.given.tools / "schemathesis/bin/schemathesis", self.given.reports
        api = scan_schema.Api(self.watch.url, demo.port, key)
        api.hand_in()
        accepted = api.accepted
        settings = ""
        for name in ("made-up-ids", "ids"):
            found, seen = scan_schema.scan(tool, self.watch.url, key, reports, name, settings)
            self.found += found
            self.faults += seen["faults"]
            accepted.update(seen["accepted"])
            say(f"schemathesis with {name}: {seen['cases']} requests to {len(seen['accepted'])} operations")
            settings = scan_schema.ids(api, list(seen["accepted"]))
        for operation, count in accepted.items():
            if count == 0:
                self.faults.append(f"schemathesis found nothing that {operation} accepts")
        if not accepted:
            self.faults.append("schemathesis tried no operation")

    def wapiti(self, visitor: Visitor) -> None:
        self.watch.scanner = f"wapiti as {visitor.email}"
        tool, reports = self.given.tools / "wapiti/bin/wapiti", self.given.reports
        for hole in scan_wapiti.missed_holes(tool, visitor, reports):
            self.faults.append(f"{self.watch.scanner} did not find the {hole} that was put there for it")
        crawl_secs = int(self.given.minutes * 60 / len(PEOPLE) / 2)
        found, seen = scan_wapiti.scan(tool, visitor, crawl_secs, reports)
        say(f"{self.watch.scanner}: {seen['pages']} pages and forms")
        if seen["pages"] < scan_wapiti.FEWEST_PAGES:
            self.faults.append(f"{self.watch.scanner} saw {seen['pages']} pages only")
        if seen["cut_short"]:
            self.notes.append(f"{self.watch.scanner}: out of time in {', '.join(seen['cut_short'])} (--minutes gives more)")
        # What the door answers instead of the product says nothing of the product.
        self.found += [finding for finding in found if not self.watch.is_kept_out(finding.method, finding.path)]
        self.is_still_in(visitor)

    def sqlmap(self, visitor: Visitor, demo: Demo) -> None:
        self.watch.scanner = f"sqlmap as {visitor.email}"
        count = 0
        for form in visitor.forms(self.watch.is_kept_out):
            shape = (form.method, f"{kind(path_of(form.action))}?{'&'.join(sorted(form.fields))}")
            if shape in self.tried or form.has_file:
                continue
            self.tried.add(shape)
            visitor.stay_fresh(demo.code)
            visitor.renew(form)
            found, fault = scan_sqlmap.scan(self.given.tools / "sqlmap/bin/sqlmap", visitor, form, self.given.reports)
            count += 1
            self.found += found
            if fault:
                self.faults.append(fault)
        say(f"{self.watch.scanner}: {count} kinds of links and forms that nobody before had")
        self.is_still_in(visitor)

    def hold_to_canary(self, demo: Demo) -> None:
        """A scanner that finds nothing has to find something where there is something."""
        visitor = Visitor(self.watch.url, demo.port, f"{PEOPLE[0]}@demo.signalbox")
        visitor.sign_in(demo.code)
        hole = scan_sqlmap.canary(self.watch.url)
        found, _ = scan_sqlmap.scan(self.given.tools / "sqlmap/bin/sqlmap", visitor, hole, self.given.reports)
        if not found:
            self.faults.append("sqlmap did not find the injection that was put there for it")

    def is_still_in(self, visitor: Visitor) -> None:
        if visitor.who() != visitor.email:
            self.faults.append(f"{self.watch.scanner} was no longer signed in at its end")

    def heard(self) -> None:
        """What the door saw that no scanner says."""
        for broken in self.watch.broken:
            scanner = broken.scanner.partition(" ")[0]
            words = f"status {broken.status}; sent: {broken.sent!r}; answered: {broken.answer[:200]!r}"
            self.found.append(Finding(scanner, "Server error", broken.method, kind(broken.path), broken.path, words))
        for (scanner, status), count in sorted(self.watch.answers.items(), key=str):
            if status == "turned away":
                self.faults.append(f"{scanner}: {count} requests with a session were turned away")

    def report(self) -> int:
        self.heard()
        unexplained, explained = lists.sort(self.found, self.explanations)
        lines = [lists.verdict(unexplained, explained, self.faults), ""]
        lines += [f"FAULT     {fault}" for fault in dict.fromkeys(self.faults)]
        lines += [f"FOUND     {finding.line}" for finding in unexplained]
        lines += [f"bounded   {note}" for note in self.notes]
        for entry in self.explanations:
            lines.append(f"explained {entry.used} × {entry.scanner} {entry.kind}: {entry.reason}")
        for shut in self.watch.kept_out:
            lines.append(f"kept out  {shut.method} {shut.path}: {shut.reason}")
        lines.append(f"raised    {', '.join(f'{name}={value}' for name, value in RAISED.items())}")
        for (scanner, status), count in sorted(self.watch.answers.items(), key=str):
            lines.append(f"answers   {scanner or 'ourselves'}: {count} × {status}")
        text = "\n".join(lines)
        (self.given.reports / "verdict.txt").write_text(text + "\n")
        print(f"\n{text}\n\nReports: {self.given.reports}")
        return 1 if unexplained or self.faults else 0


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/audit")
    parser.add_argument("program", type=Path)
    parser.add_argument("tools", type=Path)
    parser.add_argument("reports", type=Path)
    parser.add_argument("--only", action="append", choices=SCANNERS)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--person", action="append", choices=PEOPLE)
    given = parser.parse_args()
    given.only = given.only or list(SCANNERS)
    return given


def main() -> int:
    # Leaving by a signal is leaving: the demo ends with us.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(143))
    run = Run(read_arguments())
    run.given.reports.mkdir(parents=True, exist_ok=True)
    say("Starting a demo")
    with run.watch, Demo(run.given.program, run.watch.port, run.given.reports / "demo.log") as demo:
        run.watch.upstream = demo.port
        run.everything(demo)
    return run.report()


if __name__ == "__main__":
    sys.exit(main())
