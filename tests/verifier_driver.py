"""Runs the independent verifier on many inputs in one process, for the tests.

Reads one JSON command a line and answers each with one line:

    {"folder": …, "vkeys": […], "anchors": […]}                         → verdict
    {"report": folder, "vkeys": […], "anchors": […], "now": …}          → what it prints
    {"mutate": folder, "file": …, "vkey": …, "flips": [[at, xor]…]}     → a list of verdicts

A verdict is [exit status, place]; the place is that of the first bad record.
"""

import contextlib
import datetime
import io
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify_audit  # noqa: E402

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)


def verify(folder, vkeys, anchors, now=NOW):
    keys = [verify_audit.parse_key(vkey) for vkey in vkeys]
    notes = [note for path in anchors for note in verify_audit.parse_notes(path)]
    return verify_audit.verify(folder, keys, notes, now)


def report(report, vkeys, anchors, now):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        verify_audit.show(verify(report, vkeys, anchors, datetime.datetime.fromisoformat(now)))
    return printed.getvalue()


def verdict(folder, vkeys, anchors=()):
    try:
        verify(folder, vkeys, anchors)
    except verify_audit.Refuted as error:
        return [1, error.place]
    except (verify_audit.Unusable, OSError):
        return [2, ""]
    return [0, ""]


def mutate(command):
    path = os.path.join(command["mutate"], command["file"])
    with open(path, "rb") as file:
        original = file.read()
    verdicts = []
    for at, xor in command["flips"]:
        changed = bytearray(original)
        changed[at] ^= xor
        with open(path, "wb") as file:
            file.write(changed)
        verdicts.append(verdict(command["mutate"], [command["vkey"]]))
    with open(path, "wb") as file:
        file.write(original)
    return verdicts


for line in sys.stdin:
    command = json.loads(line)
    if "mutate" in command:
        answer = mutate(command)
    elif "report" in command:
        answer = report(**command)
    else:
        answer = verdict(**command)
    print(json.dumps(answer), flush=True)
