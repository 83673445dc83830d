#!/usr/bin/env python3
"""Verifies a Signalbox audit export, offline, without Signalbox.

    python3 verify_audit.py DIR [--vkey KEY]... [--anchor FILE]...

Needs nothing but Python 3.9 and its standard library; the Ed25519 verification of RFC 8032 is below.
It shares no code with the product: what both say is said twice.

Exit status: 0 everything holds, 1 something does not (the first such record is named), 2 the input
cannot be judged. The format is `signalbox-audit-export/1`; see the Verify page of the product for
what this proves and what it cannot.
"""

import argparse
import base64
import binascii
import datetime
import functools
import hashlib
import json
import os
import re
import sys
from collections import namedtuple

FORMAT = "signalbox-audit-export/1"
MAX_BODY = 65536
MAX_LINE = 1 << 20
MAX_DEPTH = 32
MAX_INTEGER = 1 << 53
MAX_FIELD = 512
STALE_AFTER = datetime.timedelta(hours=24)
CLOCK_SKEW = datetime.timedelta(minutes=5)


class Unusable(Exception):
    """Nothing that can be judged."""


class Refuted(Exception):
    """The first record that does not hold."""

    def __init__(self, place, problem):
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


# ---- Ed25519 verification (RFC 8032, section 5.1), on extended coordinates ----------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def point_add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (y1 - x1) * (y2 - x2) % P
    f = (y1 + x1) * (y2 + x2) % P
    g = 2 * t1 * t2 * D % P
    h = 2 * z1 * z2 % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(scalar, point):
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        scalar >>= 1
    return total


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decode(data):
    """The point that these 32 bytes name, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=4096)
def ed25519_holds(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    key, point = point_decode(public), point_decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= L:
        return False
    # Points of small order would let a signature hold for more than one message.
    if any(point_equal(point_mul(8, each), IDENTITY) for each in (key, point)):
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return point_equal(point_mul(scalar, BASE), point_add(point, point_mul(challenge, key)))


# ---- strict readers ----------------------------------------------------------------------------


def strict_base64(text):
    """The bytes, if this is the one way to write them."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def strict_integer(text):
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise ValueError("an integer beyond 2^53")
    return number


def refuse_number(text):
    raise ValueError(f"{text} is not an integer")


DECODER = json.JSONDecoder(parse_float=refuse_number, parse_constant=refuse_number, parse_int=strict_integer)


def write_canonical(value, depth=0):
    """RFC 8785. Only reached where json.dumps would sort keys differently."""
    if isinstance(value, (dict, list)) and depth == MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        members = (json.dumps(key, ensure_ascii=False) + ":" + write_canonical(value[key], depth + 1) for key in keys)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write_canonical(item, depth + 1) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def depth_of(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def canonical(value, text_hint=""):
    if not text_hint.isascii():
        return write_canonical(value)
    if depth_of(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_json(place, data):
    """The value, held to the canonical form."""
    try:
        text = data.decode("utf-8")
        value = DECODER.decode(text)
        fits = canonical(value, text).encode("utf-8") == data
    except (ValueError, RecursionError) as error:
        raise Refuted(place, f"not JSON of ours: {error}") from None
    if not fits:
        raise Refuted(place, "not in canonical form (RFC 8785)")
    return value


def members(place, value, /, **types):
    """The members of an object that has these and no others."""
    if not isinstance(value, dict) or set(value) != set(types):
        raise Refuted(place, "not the members that belong here")
    for name, kind in types.items():
        if not isinstance(value[name], kind) or (kind is int and isinstance(value[name], bool)):
            raise Refuted(place, f"{name} is not what it should be")
        if kind is int and value[name] < 0:
            raise Refuted(place, f"{name} is negative")
    return [value[name] for name in types]


# ---- signed notes and keys (C2SP) --------------------------------------------------------------

Key = namedtuple("Key", "name public hash")
Note = namedtuple("Note", "text origin size root signatures")


def parse_key(text):
    name, plus, rest = text.partition("+")
    stated, _, encoded = rest.partition("+")
    data = strict_base64(encoded)
    if not name or not plus or re.search(r"\s", name) or data is None or len(data) != 33 or data[0] != 1:
        raise Unusable("the verification key is not name+hash+key of Ed25519")
    computed = sha256(name.encode(), b"\n", data)[:4]
    if computed.hex() != stated or point_decode(data[1:]) is None:
        raise Unusable("the verification key's hash does not fit")
    return Key(name, data[1:], computed)


def parse_note(place, note):
    text, blank, signatures = note.partition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise Refuted(place, "not a signed note")
    lines = text.split("\n")
    if len(lines) != 3 or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,19}", lines[1]):
        raise Refuted(place, "a checkpoint is origin, size and root")
    root = strict_base64(lines[2])
    if root is None or len(root) != 32 or int(lines[1]) >= 2**64:
        raise Refuted(place, "the root is not 32 bytes of base64")
    found = []
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        data = match and strict_base64(match[2])
        if not data or len(data) < 5:
            raise Refuted(place, "a signature line is not `— name base64`")
        found.append((match[1], data[:4], data[4:]))
    if len(found) > 16:
        raise Refuted(place, "too many signatures")
    return Note((text + "\n").encode(), lines[0], int(lines[1]), root, found)


def check_signature(place, note, keys):
    """Under one of several keys: a log that changed its key has checkpoints of each."""
    for last, key in enumerate(keys, 1 - len(keys)):
        ours = any((name, hash_) == (key.name, key.hash) for name, hash_, _ in note.signatures)
        if ours or last == 0:
            return check_signature_of(place, note, key)


def check_signature_of(place, note, key):
    ours = [data for name, hash_, data in note.signatures if (name, hash_) == (key.name, key.hash)]
    if not ours:
        raise Refuted(place, f"not signed by {key.name}, with none of the keys given")
    if not ed25519_holds(key.public, note.text, ours[0]):
        raise Refuted(place, f"the signature of {key.name} does not hold")
    if not note.origin.startswith(key.name + "/"):
        raise Refuted(place, "the origin does not begin with the key's name")


def parse_notes(path):
    """A file of signed notes, one after the other."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rest = file.read().lstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from None
    notes = []
    while rest:
        match = re.match(r"(?:[^\n]+\n)+\n(?:— [^\n]*\n)+", rest)
        if not match:
            raise Unusable(f"{path}: not a file of checkpoints")
        try:
            notes.append(parse_note(path, match[0]))
        except Refuted as error:
            raise Unusable(str(error)) from None
        rest = rest[match.end():].lstrip("\n")
    if not notes:
        raise Unusable(f"{path}: holds no checkpoint")
    return notes


def epoch_of(place, note):
    match = re.fullmatch(r".+/([1-9][0-9]{0,9})", note.origin)
    if not match or int(match[1]) >= 2**32:
        raise Refuted(place, "it has no epoch")
    return int(match[1])


def same_log(one, other):
    """Whether two origins differ in nothing but their epoch."""
    return one.rpartition("/")[0] == other.rpartition("/")[0]


# ---- the directory -----------------------------------------------------------------------------


class Package:
    def __init__(self, folder):
        self.folder = folder
        try:
            with open(os.path.join(folder, "manifest.json"), "rb") as file:
                data = file.read(1 << 28)
        except OSError as error:
            raise Unusable(str(error)) from None
        if not data.endswith(b"\n"):
            raise Refuted("manifest.json", "does not end with a newline")
        value = read_json("manifest.json", data[:-1])
        (form, self.origin, self.size, self.start, self.end, count, self.pruned_to, self.files, stated) = members(
            "manifest.json", value, format=str, origin=str, tree_size=int, **{"from": int}, to=int, count=int,
            pruned_to=int, files=dict, sha256=str,
        )
        del value["sha256"]
        if sha256(write_canonical(value).encode()).hex() != stated:
            raise Refuted("manifest.json", "its own sha256 does not fit")
        for entry in self.files.values():
            members("manifest.json", entry, bytes=int, sha256=str)
        if form != FORMAT:
            raise Unusable(f"the format is {form!r}, not {FORMAT}")
        if not self.start <= self.end <= self.size or self.end - self.start != count:
            raise Refuted("manifest.json", "from, to, count and tree_size contradict each other")
        if self.pruned_to > self.start:
            raise Refuted("manifest.json", "the range begins below what was pruned")

    def check_names(self):
        """Nobody signs the manifest, so it has no say in what belongs to an export."""
        expected = {"checkpoint", "events.ndjson", "anchors.ndjson", "details.ndjson"}
        for path in ("checkpoint", "events.ndjson", "anchors.ndjson", "details.ndjson"):
            if path not in self.files:
                raise Refuted(path, "is not in the manifest")
        for level in range(8):
            hashes = self.size >> 8 * level
            for index in range((hashes + 255) // 256):
                path = tile_path(level, index, min(256, hashes - 256 * index))
                if path not in self.files:
                    raise Refuted(path, "is not in the manifest")
                expected.add(path)
        for path in sorted(set(self.files) - expected - {"decisions.ndjson"}):
            raise Refuted(path, "does not belong to an export of this size")

    def check_closed_list(self):
        self.check_names()
        found = set()
        for folder, folders, files in os.walk(self.folder):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, self.folder).replace(os.sep, "/")
                try:
                    relative.encode("utf-8")
                except UnicodeEncodeError:
                    raise Refuted(os.fsencode(relative).decode("utf-8", "replace"), "its name is not UTF-8") from None
                if os.path.islink(path) or not os.path.isfile(path):
                    raise Refuted(relative, "is not a plain file")
                found.add(relative)
        found.discard("manifest.json")
        for path in sorted(found - set(self.files)):
            raise Refuted(path, "is not in the manifest")
        for path in sorted(set(self.files) - found):
            raise Refuted(path, "is missing")

    def open(self, path):
        try:
            return open(os.path.join(self.folder, path), "rb")
        except FileNotFoundError:
            raise Refuted(path, "is missing") from None

    def hold(self, path, size, digest):
        entry = self.files.get(path)
        if entry is None:
            raise Refuted(path, "is not in the manifest")
        if entry != {"bytes": size, "sha256": digest}:
            raise Refuted(path, "its size or sha256 is not the manifest's")

    def read(self, path):
        with self.open(path) as file:
            data = file.read()
        self.hold(path, len(data), sha256(data).hex())
        return data


class Lines:
    """A file line by line; its hash is compared after the last one, so that a changed line is named
    by its own record and not by its file."""

    def __init__(self, package, path):
        self.package, self.path = package, path
        self.file = package.open(path)
        self.digest, self.size = hashlib.sha256(), 0

    def next(self, place):
        line = self.file.readline(MAX_LINE)
        if not line:
            return None
        self.digest.update(line)
        self.size += len(line)
        if not line.endswith(b"\n"):
            raise Refuted(place, "the line has no end")
        return line[:-1]

    def finish(self, complaint):
        extra = self.file.read(1)
        self.file.close()
        if extra:
            raise Refuted(self.path, complaint)
        self.package.hold(self.path, self.size, self.digest.hexdigest())


# ---- the tree (RFC 6962), kept as tiles of up to 256 hashes (C2SP tlog-tiles) ------------------


def tile_path(level, index, width):
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03}")
    return f"tiles/{level}/{'/'.join(parts)}" + (f".p/{width}" if width < 256 else "")


def fold(row):
    """The root over a power of two of hashes."""
    while len(row) > 1:
        row = [sha256(b"\x01", row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


class Tree:
    def __init__(self, package, size):
        self.package, self.size = package, size
        self.held = {}

    def tile(self, level, index, check=False):
        width = min(256, (self.size >> 8 * level) - 256 * index)
        path = tile_path(level, index, max(width, 1))
        if check:
            data = self.package.read(path)
        else:
            with self.package.open(path) as file:
                data = file.read()
        if len(data) != 32 * width:
            raise Refuted(path, "it is not as many hashes as its name says")
        return path, [data[i:i + 32] for i in range(0, len(data), 32)]

    def hashes(self, level, index):
        """A tile that was checked before; the last one of each level stays in memory."""
        if self.held.get(level, (None,))[0] != index:
            self.held[level] = index, self.tile(level, index)[1]
        return self.held[level][1]

    def check(self, root):
        """Files first, then the root, then each full tile against the one above it: a tile that
        is held to the root can be trusted about the ones below."""
        levels = [(level, range(((self.size >> 8 * level) + 255) // 256)) for level in range(8)]
        for level, indexes in levels:
            for index in indexes:
                self.tile(level, index, check=True)
        if self.root(self.size) != root:
            raise Refuted("tiles", "the hashes do not lead to the root of the checkpoint")
        for level, indexes in reversed(levels):
            for index in indexes:
                path, row = self.tile(level, index)
                if len(row) == 256 and self.hashes(level + 1, index // 256)[index % 256] != fold(row):
                    raise Refuted(path, f"its hash is not the one in {self.tile(level + 1, index // 256)[0]}")

    def node(self, level, index):
        """The hash over the leaves `index << level` and on, a power of two of them."""
        inner = level % 8
        first = index << inner
        row = self.hashes(level // 8, first // 256)
        return fold(row[first % 256:first % 256 + (1 << inner)])

    def root(self, size):
        """Complete subtrees joined from the right: the binary digits of the size."""
        if size == 0:
            return sha256()
        joined = None
        for level in range(64):
            if size >> level & 1:
                left = self.node(level, (size >> level) - 1)
                joined = left if joined is None else sha256(b"\x01", left, joined)
        return joined


# ---- what is verified --------------------------------------------------------------------------

Report = namedtuple("Report", "verdict origin size root start end pruned_to key inside outside lost epochs details "
                              "newest warnings")
Begun = namedtuple("Begun", "index epoch kept known cause")


class Decisions:
    """Events by which somebody decided about the log itself: new epochs, and bodies given up."""

    def __init__(self, package, tree, newest):
        self.epochs, self.pruned_to = [], 0
        if "decisions.ndjson" in package.files:
            self.read(package, tree, newest)
        epoch = epoch_of("decisions.ndjson", newest)
        if (self.epochs[-1].epoch if self.epochs else 1) != epoch:
            raise Refuted("decisions.ndjson", f"how epoch {epoch} began is missing")
        if self.pruned_to != package.pruned_to:
            raise Refuted("manifest.json", f"what was given up in the log lies below #{self.pruned_to}")

    def read(self, package, tree, newest):
        lines, number, after = Lines(package, "decisions.ndjson"), 0, -1
        while True:
            number += 1
            place = f"decisions.ndjson line {number}"
            line = lines.next(place)
            if line is None:
                break
            index = read_event(place, line)[1]
            if not after < index < newest.size:
                raise Refuted(place, "it is not in the order of the log")
            after = index
            _, body, _ = check_event(place, line, index, tree)
            details = body.get("details")
            details = details if isinstance(details, dict) else {}
            if body["kind"] == "audit.epoch_begun":
                self.begin(place, index, details)
            elif body["kind"] == "audit.bodies_pruned":
                self.prune(place, index, details, tree)
            else:
                raise Refuted(place, "it decides nothing about the log")
        lines.finish("there is more after its end")

    def begin(self, place, index, details):
        epoch, kept, known, cause = (details.get(name) for name in ("epoch", "kept", "known", "cause"))
        if not all(is_count(value) for value in (epoch, kept, known)) or not isinstance(cause, str) \
                or epoch >= 2**32 or not kept <= min(index, known):
            raise Refuted(place, "an epoch does not begin like this")
        if epoch <= (self.epochs[-1].epoch if self.epochs else 1):
            raise Refuted(place, "epochs count upwards")
        self.epochs.append(Begun(index, epoch, kept, known, cause))

    def prune(self, place, index, details, tree):
        to, root = details.get("to"), details.get("root")
        if not is_count(to) or not isinstance(root, str) or not HASH.fullmatch(root) or not self.pruned_to < to <= index:
            raise Refuted(place, "bodies are not given up like this")
        if tree.root(to).hex() != root:
            raise Refuted(place, "what it gave up had another root")
        self.pruned_to = to

    def kept_of(self, epoch):
        """How many events of this epoch, and those before it, are still in the tree."""
        return min((begun.kept for begun in self.epochs if begun.epoch > epoch), default=2**64)

    def next_after(self, epoch):
        """The first epoch after this one. Whatever was anchored until it began, it has to have known of."""
        return next((begun for begun in self.epochs if begun.epoch > epoch), None)

    def tell(self):
        for begun in self.epochs:
            lost = "nothing of before is lost"
            if begun.known > begun.kept:
                lost = f"events #{begun.kept} to #{begun.known - 1} of before are lost"
            yield f"epoch {begun.epoch} began at #{begun.index} ({begun.cause}): {lost}"


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def hold_anchor(place, note, tree, newest, decisions, keys):
    """Whether the tree was held to it; an anchor of a part that the next epoch says is lost says nothing."""
    if keys:
        check_signature(place, note, keys)
    epoch = epoch_of(place, note)
    if epoch > epoch_of("checkpoint", newest):
        raise Refuted(place, "it is of a later epoch than this export")
    begun = decisions.next_after(epoch)
    if begun and note.size > begun.known:
        # A history that was gone on with instead of the known one has anchors too, out of which the tree has grown.
        if note.size <= newest.size and tree.root(note.size) == note.root:
            return True
        raise Refuted(place, f"the log had {note.size} events, and epoch {begun.epoch} began as if it had never had more than "
                      f"{begun.known}")
    if note.size > decisions.kept_of(epoch):
        return False
    if note.size > newest.size:
        raise Refuted(place, f"the log had {note.size} events and this export's tree has {newest.size}; if the export is older than "
                      "the anchor, make a new one: a tree that stays smaller has lost events")
    if tree.root(note.size) != note.root:
        raise Refuted(place, "the log that it was taken from had another history")
    return True


def check_anchors(package, tree, newest, decisions, keys, given):
    lines, inside, lost = Lines(package, "anchors.ndjson"), 0, 0
    while True:
        place = f"anchors.ndjson line {inside + 1}"
        line = lines.next(place)
        if line is None:
            break
        _, text, _ = members(place, read_json(place, line), anchored_at=str, note=str, place=str)
        note = parse_note(place, text)
        if not same_log(note.origin, newest.origin):
            raise Refuted(place, "it is of another log")
        lost += not hold_anchor(place, note, tree, newest, decisions, keys)
        inside += 1
    lines.finish("there is more after its end")
    ours = [note for note in given if same_log(note.origin, newest.origin)]
    for note in ours:
        lost += not hold_anchor(f"anchor of size {note.size}", note, tree, newest, decisions, keys)
    if given and not ours:
        raise Unusable(f"no anchor given is of {newest.origin}")
    return inside, len(ours), lost


UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
HASH = re.compile(r"[0-9a-f]{64}")


def moment(text):
    if not isinstance(text, str) or not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None


def moment_text(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def derive(place, body):
    """The columns of the log, out of the event itself."""

    def need(condition, name):
        if not condition:
            raise Refuted(place, f"the body's `{name}` is missing or not what it should be")

    def is_text(value):
        # No character has more than four bytes, and nearly every text is short.
        return isinstance(value, str) and "\0" not in value and (
            4 * len(value) <= MAX_FIELD or len(value.encode("utf-8", "surrogatepass")) <= MAX_FIELD)

    need(isinstance(body, dict) and body.get("v") == 1 and body["v"] is not True, "v")
    for name in ("actor", "subject"):
        part = body.get(name)
        need(isinstance(part, dict) and is_text(part.get("kind")) and is_text(part.get("id")), name)
    need(isinstance(body.get("id"), str) and re.fullmatch(r"[0-9a-f]{32}", body["id"]), "id")
    need(moment(body.get("at")), "at")
    need(is_text(body.get("kind")), "kind")
    need("platform" not in body or isinstance(body["platform"], str) and UUID.fullmatch(body["platform"]), "platform")
    need(is_text(body.get("outcome")), "outcome")
    commitments = body.get("commitments", [])
    need(isinstance(commitments, list), "commitments")
    for item in commitments:
        need(isinstance(item, dict) and isinstance(item.get("subject"), str) and isinstance(item.get("sha256"), str)
             and UUID.fullmatch(item["subject"]) and HASH.fullmatch(item["sha256"]), "commitments")
    columns = {
        "actor_id": body["actor"]["id"], "actor_kind": body["actor"]["kind"], "id": body["id"],
        "kind": body["kind"], "outcome": body["outcome"], "platform_id": body.get("platform"),
        "recorded_at": body["at"], "subject_id": body["subject"]["id"], "subject_kind": body["subject"]["kind"],
    }
    return columns, commitments


def check_details(lines, index, columns, commitments, counts):
    for position, committed in enumerate(commitments):
        place = f"detail {position} of event #{index}"
        line = lines.next(place)
        if line is None:
            raise Refuted(place, "is missing")
        detail = read_json(place, line)
        state = detail.get("state") if isinstance(detail, dict) else None
        extra = {"salt": str, "value": object} if state == "disclosed" else {}
        members(place, detail, event=str, idx=int, position=int, state=str, subject=str, **extra)
        about = detail["idx"], detail["event"], detail["position"], detail["subject"]
        if state == "damaged":
            raise Refuted(place, "what was written is gone or was changed, and its key is there")
        if state not in counts or about != (index, columns["id"], position, committed["subject"]):
            raise Refuted(place, "the line is about something else")
        if state == "disclosed":
            if not HASH.fullmatch(detail["salt"]):
                raise Refuted(place, "the salt is not 32 bytes")
            value = write_canonical(detail["value"]).encode()
            if sha256(bytes.fromhex(detail["salt"]), value).hex() != committed["sha256"]:
                raise Refuted(place, "the value is not the one that the event commits to")
        counts[state] += 1


def read_event(place, line):
    return members(place, read_json(place, line), body=str, idx=int, leaf=str, projections=dict)


def check_event(place, line, index, tree):
    """The event's columns, body and commitments, held to its place in the tree."""
    encoded, stated, leaf, columns = read_event(place, line)
    data = strict_base64(encoded)
    if data is None:
        raise Refuted(place, "the body is not strict base64")
    if stated != index:
        raise Refuted(place, f"the line says #{stated}")
    in_tree = tree.hashes(0, index // 256)[index % 256]
    if sha256(b"\x00", data) != in_tree:
        raise Refuted(place, "the body is not the one in the tree")
    if leaf != in_tree.hex():
        raise Refuted(place, "the leaf hash is not the one in the tree")
    if len(data) >= MAX_BODY:
        raise Refuted(place, "the body is longer than an event may be")
    body = read_json(place, data)
    derived, commitments = derive(place, body)
    if columns != derived:
        wrong = sorted(name for name in {**columns, **derived} if columns.get(name) != derived.get(name))
        raise Refuted(place, f"the column {wrong[0] if wrong else '?'} is not what the body says")
    return derived, body, commitments


def check_events(package, tree, now):
    """What became of the personal details, the latest moment that is not in the future, and the first event
    that is."""
    lines, details = Lines(package, "events.ndjson"), Lines(package, "details.ndjson")
    counts = {"disclosed": 0, "erased": 0, "withheld": 0}
    ids, newest, future = set(), None, None
    for index in range(package.start, package.end):
        place = f"event #{index}"
        line = lines.next(place)
        if line is None:
            raise Refuted(place, "is missing")
        derived, _, commitments = check_event(place, line, index, tree)
        if derived["id"] in ids:
            raise Refuted(place, "its id was used before")
        ids.add(derived["id"])
        if derived["recorded_at"] > now:
            future = future or (index, derived["recorded_at"])
        else:
            newest = max(newest or "", derived["recorded_at"])
        check_details(details, index, derived, commitments, counts)
    lines.finish("there are more events than the manifest says")
    details.finish("there are details that no event has")
    return counts, newest, future


def verify(folder, keys=(), anchors=(), now=None):
    """A Report, or one of the two exceptions. `keys` are Keys, today's first; `anchors` are Notes."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    package = Package(folder)
    package.check_closed_list()
    try:
        text = package.read("checkpoint").decode("utf-8")
    except UnicodeDecodeError:
        raise Refuted("checkpoint", "not UTF-8") from None
    newest = parse_note("checkpoint", text)
    if keys:
        check_signature("checkpoint", newest, keys[:1])
    if (newest.origin, newest.size) != (package.origin, package.size):
        raise Refuted("checkpoint", "its origin or size is not the manifest's")
    tree = Tree(package, newest.size)
    tree.check(newest.root)
    decisions = Decisions(package, tree, newest)
    inside, outside, lost = check_anchors(package, tree, newest, decisions, keys, anchors)
    details, latest, future = check_events(package, tree, moment_text(now + CLOCK_SKEW))
    warnings = []
    if not outside:
        warnings.append("no anchor from outside was given: a tail cut by the database's owner would not show")
    if future:
        warnings.append(f"event #{future[0]} is from the future: {future[1]}")
    if package.start == package.end:
        warnings.append("the export holds no events: how fresh it is cannot be told")
    elif package.end < package.size:
        warnings.append("the export ends before the newest event: how fresh it is cannot be told")
    elif latest and moment(latest) < now - STALE_AFTER:
        warnings.append(f"the newest event is of {latest}: is this the newest export?")
    verdict = "verified" if keys else "consistent; key not checked"
    return Report(verdict, newest.origin, newest.size, newest.root, package.start, package.end, package.pruned_to,
                  keys[0].name if keys else None, inside, outside, lost, list(decisions.tell()), details, latest,
                  warnings)


def show(report):
    print(report.verdict)
    print(f"log: {report.origin}")
    print(f"tree: {report.size} events, root {report.root.hex()}")
    count = report.end - report.start
    print(f"events: {count}, #{report.start} to #{report.end - 1}" if count else "events: none")
    if report.pruned_to:
        print(f"bodies pruned to #{report.pruned_to}")
    for epoch in report.epochs:
        print(epoch)
    if report.key:
        print(f"signed by: {report.key}")
    print(f"anchors: {report.inside} in the export, {report.outside} from outside")
    if report.lost:
        print(f"anchors of a lost part: {report.lost}")
    print("personal details: " + ", ".join(f"{count} {state}" for state, count in report.details.items()))
    if report.newest:
        print(f"newest event: {report.newest}")
    for warning in report.warnings:
        print(f"warning: {warning}")


def main():
    parser = argparse.ArgumentParser(description="Verifies a Signalbox audit export, offline.")
    parser.add_argument("folder", help="the folder of the export")
    parser.add_argument("--vkey", metavar="KEY", action="append", default=[],
                        help="the verification key, as `signalbox audit key` prints it; where the key was changed, "
                             "give the former ones after it")
    parser.add_argument("--anchor", metavar="FILE", action="append", default=[],
                        help="checkpoints kept outside the database; may be given more than once")
    options = parser.parse_args()
    try:
        keys = [parse_key(text) for text in options.vkey]
        anchors = [note for path in options.anchor for note in parse_notes(path)]
        show(verify(options.folder, keys, anchors))
    except Refuted as error:
        print(f"not verified: {error}")
        return 1
    except (Unusable, OSError) as error:
        print(f"unusable: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
