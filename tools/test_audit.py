"""What script/audit makes of what scanners say. Run: python3 -B -m unittest discover -s tools -p 'test_*.py'"""

import contextlib
import http.client
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HERE = Path(__file__).parent / "audit"
sys.path.insert(0, str(HERE))

import findings as lists  # noqa: E402
import scan_sqlmap  # noqa: E402
import scan_wapiti  # noqa: E402
import visitor  # noqa: E402
import watch  # noqa: E402
from findings import Explanation, Finding  # noqa: E402


def finding(kind: str = "SQL Injection", path: str = "/audit?actor") -> Finding:
    return Finding("wapiti", kind, "GET", path, "actor", "in the parameter actor")


class Findings(unittest.TestCase):
    def test_the_checked_in_list_is_read_and_every_entry_has_its_reason(self):
        explanations, kept_out = lists.read_list(HERE / "explained.toml")
        self.assertTrue(explanations)
        self.assertTrue(any(rule.covers("POST", "/sign-out") for rule in kept_out))

    def test_an_entry_without_a_reason_is_refused(self):
        for entry in ('reason = "ok"', ""):
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(f'[[explained]]\nscanner = "wapiti"\nkind = "X"\n{entry}\n')
                file.flush()
                with self.assertRaises(lists.Refused):
                    lists.read_list(Path(file.name))

    def test_an_explanation_covers_what_it_names_and_nothing_else(self):
        entry = Explanation("wapiti", "SQL Injection", r"/audit\?actor", "parameter", "because it is so")
        others = [finding(kind="XSS"), finding(path="/audit?actor&from"), finding(path="/alerts")]
        open_, explained = lists.sort([finding(), *others, finding()], [entry])
        self.assertEqual((open_, explained), (others, [finding()]))

    def test_the_verdict_says_what_holds_first(self):
        self.assertTrue(lists.verdict([], [finding()], []).startswith("Nothing unexplained: 1 finding,"))
        self.assertTrue(lists.verdict([finding()], [], []).startswith("1 finding unexplained"))
        self.assertTrue(lists.verdict([], [], ["signed out"]).startswith("Not proved"))


class Scanners(unittest.TestCase):
    def test_sqlmaps_two_sentences_are_told_apart_and_neither_is_a_fault(self):
        form = visitor.Form("GET", "/alerts", "/", {"state": "closed"})
        clean = "[CRITICAL] all tested parameters do not appear to be injectable. Try"
        self.assertEqual(scan_sqlmap.judge(form, clean), ([], ""))
        holed = (
            "sqlmap identified the following injection point(s):\n---\nParameter: state (GET)\n"
            "    Type: boolean-based blind\n    Title: AND boolean\n---"
        )
        found, fault = scan_sqlmap.judge(form, holed)
        self.assertEqual([entry.parameter for entry in found], ["state"])
        self.assertEqual(fault, "")
        found, fault = scan_sqlmap.judge(form, "[CRITICAL] unable to connect to the target URL")
        self.assertEqual(found, [])
        self.assertIn("unable to connect", fault)

    def test_wapitis_report_is_read(self):
        entry = {"method": "GET", "path": "/alerts/12?x=1", "info": "a  b", "parameter": None}
        told = {"vulnerabilities": {"XSS": [entry], "None": []}, "anomalies": {}}
        self.assertEqual(scan_wapiti.findings(told), [Finding("wapiti", "XSS", "GET", "/alerts/…", "", "a b")])


class Visitors(unittest.TestCase):
    def test_forms_are_read_with_a_value_in_every_field(self):
        page = (
            '<form method="post" action="/x"><input name="csrf" value="t"><input type="date" name="from">'
            '<select name="state"><option value="">all</option><option value="open">open</option></select>'
            '<textarea name="note"></textarea><input type="file" name="file"></form><a href="/y?a=1">y</a>'
        )
        reader = visitor.read("/p", page)
        form = reader.forms[0]
        self.assertEqual((form.method, form.action, form.has_file), ("POST", "/x", True))
        self.assertEqual(form.fields["csrf"], "t")
        self.assertEqual(form.fields["state"], "open")
        self.assertTrue(form.fields["from"])
        self.assertEqual(reader.links, ["/y?a=1"])

    def test_pages_that_differ_in_what_they_show_are_of_one_kind(self):
        one = visitor.kind("/alerts/01a216b1-7c31-7502-b767-86c9bf9189cb?b=1&a=2")
        self.assertEqual(one, visitor.kind("/alerts/01a216b8-4148-71f7-a669-e5d479f31691?a=&b="))
        self.assertNotEqual(one, visitor.kind("/alerts/acknowledgement?a=&b="))


class Upstream(BaseHTTPRequestHandler):
    """Lets in whoever has the cookie `signalbox=in`, and breaks at /broken."""

    def do_GET(self):
        signed_in = "signalbox=in" in self.headers.get("cookie", "")
        status = 500 if self.path == "/broken" else 200 if signed_in else 303
        self.send_response(status)
        if status == 303:
            self.send_header("Location", "/sign-in?next=x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Door(unittest.TestCase):
    def setUp(self):
        upstream = HTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        self.door = watch.Watch([watch.KeptOut("POST", "/sign-out", "it ends the session")])
        self.door.upstream = upstream.server_address[1]
        self.door.scanner = "wapiti"
        self.door.__enter__()
        self.addCleanup(self.door.__exit__)

    def ask(self, method: str, path: str, cookie: str = "signalbox=in") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def test_what_is_kept_out_goes_nowhere(self):
        self.assertEqual(self.ask("POST", "/sign-out?x=1")[0], 403)
        self.assertEqual(sum(self.door.answers.values()), 0)

    def test_whoever_is_turned_away_with_a_session_is_counted_and_nobody_else(self):
        self.ask("GET", "/a")
        self.ask("GET", "/a", "other=1")
        self.assertEqual(sorted(map(str, self.door.answers)), ["('wapiti', 200)", "('wapiti', 303)"])
        self.ask("GET", "/a", "signalbox=out")
        self.assertEqual(self.door.answers[("wapiti", "turned away")], 1)

    def test_what_breaks_is_kept_with_its_request(self):
        self.ask("GET", "/broken")
        self.assertEqual([(one.method, one.path, one.status) for one in self.door.broken], [("GET", "/broken", 500)])

    def test_while_nobody_scans_nothing_is_counted(self):
        self.door.scanner = ""
        self.assertEqual(self.ask("GET", "/a")[0], 200)
        self.ask("GET", "/broken")
        self.assertEqual((sum(self.door.answers.values()), self.door.broken), (0, []))

    def test_the_canary_has_its_holes_for_whoever_is_signed_in(self):
        status, page = self.ask("GET", "/audit-canary?word=%3Cb%3E'")
        self.assertEqual(status, 200)
        self.assertIn("OperationalError", page)
        self.assertIn("3 lamps", self.ask("GET", "/audit-canary?word=x'%20OR%20'1'='1")[1])
        self.assertEqual(self.ask("GET", "/audit-canary?word=x", "signalbox=out")[0], 303)

    def test_a_form_that_is_sent_again_has_a_new_key(self):
        old = "01a216b3-2afc-742f-a898-65a99bf5cfa3"
        plain = watch.with_new_key(f"csrf=t&idempotency={old}&x=1".encode(), {})
        self.assertRegex(plain.decode(), r"^csrf=t&idempotency=[0-9a-f-]{36}&x=1$")
        self.assertNotIn(old, plain.decode())
        multipart = f'--b\r\ncontent-disposition: form-data; name="idempotency"\r\n\r\n{old}\r\n--b--'.encode()
        renewed = watch.with_new_key(multipart, {"content-type": "multipart/form-data; boundary=b"})
        self.assertEqual(len(renewed), len(multipart))
        self.assertNotIn(old.encode(), renewed)


if __name__ == "__main__":
    unittest.main()
