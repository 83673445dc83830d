"""A demo of our own: on free ports, with a data folder that goes away with it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# A debug build on a busy machine makes its database in half a minute.
START_SECS = 180
END_SECS = 40

# Limits that a person never meets and a scanner always does. Raised for the scan, and said in the report.
RAISED = {
    "SIGNALBOX_RATE_SESSION": "1000000",
    "SIGNALBOX_RATE_ADDRESS": "1000000",
    "SIGNALBOX_RATE_KEY": "1000000",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Demo:
    """Starts on entering and ends on leaving, by its own process id, whatever happens in between."""

    def __init__(self, program: Path, door: int, log: Path):
        self.program = program
        self.port = free_port()
        self.log = log
        # PostgreSQL's own user has to pass through.
        self.folder = Path(tempfile.mkdtemp(prefix="signalbox-audit."))
        self.folder.chmod(0o711)
        ours = {name: value for name, value in os.environ.items() if not is_configuration(name)}
        self.environment = ours | RAISED | {
            "SIGNALBOX_DATA_DIR": str(self.folder / "data"),
            "SIGNALBOX_BIND": f"127.0.0.1:{self.port}",
            "SIGNALBOX_BASE_URL": f"http://localhost:{door}",
            "SIGNALBOX_METRICS_BIND": f"127.0.0.1:{free_port()}",
            "LOG_LEVEL": "warn",
        }
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Demo":
        with self.log.open("wb") as log:
            # A demo must not outlive us, even when we are killed.
            command = ["setpriv", "--pdeathsig", "TERM", str(self.program), "demo", "--calm"]
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the demo did not start; see {self.log}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/readiness", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise RuntimeError(f"the demo was not ready after {START_SECS} s; see {self.log}")

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_SECS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def say(self, *arguments: str) -> str:
        """What one of the program's commands prints, of this demo."""
        done = subprocess.run(
            [str(self.program), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"signalbox {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def code(self, email: str) -> str:
        return self.say("demo", "code", email)


def is_configuration(name: str) -> bool:
    return name.startswith(("SIGNALBOX_", "PG")) or name in ("DATABASE_URL", "LOG_LEVEL", "RUST_LOG")
