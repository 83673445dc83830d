"""What scanners found, what of it is explained, and the verdict."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from watch import KeptOut


@dataclass(frozen=True)
class Finding:
    """One thing that a scanner says: where, of what kind, and in its own words."""

    scanner: str
    kind: str
    method: str
    path: str
    parameter: str
    words: str

    @property
    def line(self) -> str:
        parameter = f" ({self.parameter})" if self.parameter else ""
        return f"{self.scanner}: {self.kind}: {self.method} {self.path}{parameter}: {self.words}"


@dataclass
class Explanation:
    """Findings that are as they should be, and why."""

    scanner: str
    kind: str
    path: str
    words: str
    reason: str
    used: int = 0

    def covers(self, finding: Finding) -> bool:
        return (
            self.scanner == finding.scanner
            and re.fullmatch(self.kind, finding.kind) is not None
            and re.fullmatch(self.path, finding.path) is not None
            and re.search(self.words, finding.words) is not None
        )


class Refused(Exception):
    """The list of explanations cannot be used."""


def read_list(file: Path) -> tuple[list[Explanation], list[KeptOut]]:
    """The checked-in list. An entry without a reason of some length explains nothing."""
    table = tomllib.loads(file.read_text())
    try:
        explanations = [
            Explanation(
                entry["scanner"], entry["kind"], entry.get("path", ".*"), entry.get("words", ""), entry["reason"]
            )
            for entry in table.get("explained", [])
        ]
        kept_out = [KeptOut(entry["method"], entry["path"], entry["reason"]) for entry in table.get("kept_out", [])]
    except KeyError as error:
        raise Refused(f"{file}: an entry lacks {error}") from error
    for entry in [*explanations, *kept_out]:
        if len(entry.reason) < 20:
            raise Refused(f"{file}: {entry} needs a reason that says something")
    return explanations, kept_out


def sort(findings: list[Finding], explanations: list[Explanation]) -> tuple[list[Finding], list[Finding]]:
    """Those that nothing explains, and those that something does. Each once."""
    open_, explained = [], []
    for finding in dict.fromkeys(findings):
        cover = next((entry for entry in explanations if entry.covers(finding)), None)
        if cover:
            cover.used += 1
            explained.append(finding)
        else:
            open_.append(finding)
    return open_, explained


def verdict(open_: list[Finding], explained: list[Finding], faults: list[str]) -> str:
    """One sentence first. A run that could not look is no good run, whatever it found."""
    unexplained = f"{counted(len(open_), 'finding')} unexplained"
    if faults:
        return f"Not proved: {counted(len(faults), 'condition')} of the run itself failed, {unexplained}."
    if open_:
        return f"{unexplained}, {counted(len(explained), 'other')} explained."
    return f"Nothing unexplained: {counted(len(explained), 'finding')}, each with its reason."


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
