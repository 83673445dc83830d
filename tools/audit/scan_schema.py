"""schemathesis: holds the API to what its OpenAPI document says."""

import datetime
import http.client
import json
import subprocess
from collections import Counter
from pathlib import Path

from findings import Finding

SCANNER = "schemathesis"
DOCUMENT = "/api/openapi.json"
# Everything that a key can open.
SCOPES = (
    "subjects:write",
    "cases:read",
    "alerts:read",
    "alerts:acknowledge",
    "alerts:write",
    "alerts:silence",
    "audit:read",
    "logs:write",
    "indicators:write",
    "events:write",
)
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,missing_required_header,unsupported_method,ignored_auth,negative_data_rejection"
)
LIMIT_SECS = 1200
# Requests for each operation, of each kind.
EXAMPLES = 100


def scan(tool: Path, door: str, key: str, folder: Path, name: str, settings: str = "") -> tuple[list[Finding], dict]:
    """Its findings, and how often each operation has accepted something. `settings` is its configuration in TOML."""
    # It runs in its folder, so every path is whole.
    folder, tool = folder.resolve(), tool.resolve()
    report = folder / f"schemathesis-{name}.json"
    configuration = folder / f"schemathesis-{name}.toml"
    configuration.write_text(settings)
    command = [
        *(str(tool), "--config-file", str(configuration), "run", f"{door}{DOCUMENT}"),
        *("--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--continue-on-failure"),
        *("--max-examples", str(EXAMPLES), "--seed", "7", "--generation-database", "none", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    report.unlink(missing_ok=True)
    log = report.with_suffix(".log")
    with log.open("wb") as out:
        # What it says is in the report; its exit code only says whether there is anything.
        # It leaves what it remembers where it runs.
        subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=LIMIT_SECS, check=False, cwd=folder)
    if not report.exists():
        raise RuntimeError(f"schemathesis wrote no report; see {log}")
    return read(json.loads(report.read_text()))


def read(told: dict) -> tuple[list[Finding], dict]:
    found = []
    for failure in told["failures"]:
        for operation in failure["operations"]:
            method, _, path = operation.partition(" ")
            words = f"{failure['code']}, {failure['severity']}"
            found.append(Finding(SCANNER, failure["title"], method, path, "", words))
    faults = [f"schemathesis: {error}" for error in told["errors"]]
    if not told["complete"] or told["operations"]["tested"] < told["operations"]["selected"]:
        faults.append(f"schemathesis did not finish: {told['stop_reason']}, {told['operations']}")
    faults += [f"schemathesis was turned away at {operation}" for operation in told["warnings"]["missing_auth"]]
    accepted = {
        operation: sum(phase["accepted"] for phase in phases.values())
        for operation, phases in told["valid_rates"].items()
    }
    return found, {"faults": faults, "accepted": accepted, "cases": told["test_cases"]["generated"]}


def ids(api: "Api", operations: list[str]) -> str:
    """Configuration that puts ids of what there is into every path that takes one; a made-up id is answered 404."""
    settings = []
    for operation in operations:
        method, _, path = operation.partition(" ")
        if "{id}" not in path:
            continue
        known = api.made.get(path) or api.first(path.partition("/{id}")[0])
        if known:
            settings.append(f'[[operations]]\ninclude-name = "{method} {path}"\nparameters = {{ "path.id" = "{known}" }}\n')
    return "\n".join(settings)


class Api:
    """The API as a program uses it."""

    def __init__(self, door: str, port: int, key: str):
        self.headers = {"Host": door.partition("//")[2], "Authorization": f"Bearer {key}"}
        self.port = port
        # What has no list to find it in, by the path that takes its id.
        self.made: dict[str, str] = {}
        # What was handed in by name. Operations that take only what there is, such as an indicator of a pack, are
        # accepted from no generator.
        self.accepted: Counter = Counter()

    def ask(self, method: str, path: str, body: object = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, self.headers | {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            told = json.loads(text) if text else None
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {told}")
        return told

    def first(self, path: str) -> str | None:
        items = self.ask("GET", path)["items"]
        return items[0]["id"] if items else None

    def hand_in(self) -> None:
        """One of each that a generator cannot make up, so that there is something to ask for."""
        self.take("POST /api/v1/indicators", body={"indicator": "ncc_qos", "value": 90})
        self.take("POST /api/v1/logs", "?platform=debt-os&source=api", [{"level": "info", "message": "Invented for the audit"}])
        platform = self.ask("GET", "/api/v1/alerts")["items"][0]["platform"]
        customer = {"external_id": "AUDIT-1", "kind": "person", "name": "Invented for the audit"}
        batch = self.take("POST /api/v1/subjects", f"?platform={platform}", customer)
        self.made["/api/v1/intake/{id}"] = batch["id"]
        # A program silences only what has been lit, and for less than an hour.
        lit = self.ask("GET", "/api/v2/alerts")[0]["labels"]
        now = datetime.datetime.now(datetime.timezone.utc)
        silence = {
            "matchers": [
                {"name": name, "value": lit[name], "isRegex": False, "isEqual": True} for name in ("platform", "alertname")
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + datetime.timedelta(minutes=50)).isoformat(),
            "createdBy": "audit",
            "comment": "Invented for the audit",
        }
        self.made["/api/v2/silence/{id}"] = self.take("POST /api/v2/silences", body=silence)["silenceID"]
        delivery = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Audit"}, "startsAt": now.isoformat()}]}
        self.made["/hooks/alertmanager/{id}"] = platform
        self.take("POST /hooks/alertmanager/{id}", body=delivery)

    def take(self, operation: str, query: str = "", body: object = None):
        method, _, path = operation.partition(" ")
        answer = self.ask(method, path.replace("{id}", self.made.get(path, "")) + query, body)
        self.accepted[operation] += 1
        return answer
