"""SPEC.md, chapters 7 to 12, once more: the Ambassador protocol on top of credence_spec, written from the text."""
import copy
import hashlib
import struct
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import credence_spec as spec
from credence_spec import SETS, Refused, clamp, pub

SET = SETS["ambassador-v1"]
MOST, BATCH, WAITING, ACK_EVERY = 2**24 - 1, 20, 100, 50
RUNS, PLACES, KEPT = 100, 1000, 10
ACTIVE, PENDING = 1, 2
SENT, ACK, PREKEYS, LIST, PREPARE, READY, ROTATE, RESEND = range(1, 9)
REGISTER, ROTATION, ENTRY, PUBLISH, RECORDS = range(1, 6)
ZERO = bytes(32)


def require(ok, cls, why=""):
    if not ok:
        raise Refused(cls, why)


# 7.1 Encoding. A structure is a list of fields (name, kind). A kind is a number, for opaque[n]; "u8", "u32", "u64"; "body", the
# body of a record; or ("vec", least, most), ("list", structure), ("in", structure), ("nested", structure) behind its length. A
# function in the list gives further fields from those before.

NUMBERS = {"u8": ">B", "u32": ">I", "u64": ">Q"}


def head(*fields):
    return [("version", "u8"), ("type", "u8"), *fields]


PREKEY = [("prekey_id", "u32"), ("prekey", 32), ("prekey_signature", 64)]
PRIVATES = [("signed_prekey_id", "u32"), ("signed_prekey_private", 32), ("first_one_time_prekey_id", "u32")] + [
    (f"one_time_prekey_privates[{i}]", 32) for i in range(BATCH)]
SIGNED_PREKEY = [("signed_prekey_id", "u32"), ("signed_prekey", 32), ("prekey_signature", 64)]
ENTRY_HEAD = head(("sender", 32), ("recipient", 32), ("sender_epoch", "u32"), ("recipient_epoch", "u32"), ("seq", "u64"), ("previous", 32))
START = [("statement", ("in", 5)), ("ephemeral", 32), ("signed_prekey_id", "u32"), ("one_time_prekey_id", "u32")]
MESSAGE = [("message", ("vec", 58, MOST))]
OPENING = [("list", ("nested", 6)), ("statement", ("in", 5)), ("publication", ("in", 8)), ("introductions", ("list", "parcel"))]
DEVICE_LIST = head(("account", 32), ("epoch", "u32"), ("leader", 32), ("devices", ("list", "device")), ("signature", 64))
BODIES = {
    SENT: [("peer", 32), ("seq", "u64"), ("head", 32), ("digest", 32), ("ratchet_private", 32), ("secret", ("vec", 0, 32)),
           ("bundle", ("vec", 0, 2**16 - 1))],
    ACK: [("claims", ("list", "claim"))] + PREKEY,
    PREKEYS: PRIVATES,
    LIST: DEVICE_LIST,
    PREPARE: [("nonce", 32)],
    READY: [("nonce", 32)] + PREKEY,
    ROTATE: [("list", ("nested", 6)), ("statement", ("in", 5)), ("ambassador_private", 32), ("prekeys", ("in", "privates")),
             ("unread", ("list", "unread"))],
    RESEND: [("peer", 32), ("seq", "u64")],
}
COMMITS = {REGISTER: OPENING, ROTATION: OPENING, ENTRY: [("entry", ("vec", 1, MOST))], PUBLISH: [("publication", ("in", 8))], RECORDS: []}


def by_kind(table):
    def fields(d):
        require(d["kind"] in table, "malformed", "kind")
        return table[d["kind"]]
    return fields


STRUCTURES = {
    3: ENTRY_HEAD + MESSAGE,
    4: ENTRY_HEAD + START + MESSAGE,
    5: head(("account", 32), ("epoch", "u32"), ("ambassador_key", 32), ("signature", 64)),
    6: DEVICE_LIST,
    7: head(("statement", ("in", 5)), *SIGNED_PREKEY, ("one_time_prekey_id", "u32"), ("one_time_prekey", 32)),
    8: head(*SIGNED_PREKEY, ("first_one_time_prekey_id", "u32"), *[(f"one_time_prekeys[{i}]", 32) for i in range(BATCH)]),
    9: head(("kind", "u8"), ("account", 32), ("epoch", "u32"), ("sender", 32), ("receiver", 32), ("body", "body")),
    10: head(("kind", "u8"), ("account", 32), ("device", 32), ("epoch", "u32"), ("number", "u64"), ("parcels", ("list", "parcel")), by_kind(COMMITS)),
    11: head(("list", ("nested", 6))),
    12: head(("account", 32), ("epoch", "u32"), ("device", 32), ("status", "u8"), *PREKEY, ("introductions", ("list", "parcel"))),
    13: head(("position", "u64"), ("device", 32), ("number", "u64"), ("parcels", ("list", "parcel")), ("cuts", ("list", "head")),
             ("entry", ("vec", 0, MOST))),
    "device": [("device", 32), ("status", "u8")] + PREKEY,
    "parcel": [("device", 32), ("body", ("vec", 1, MOST))],
    "head": [("peer", 32), ("seq", "u64"), ("head", 32)],
    "claim": [("peer", 32), ("seq", "u64"), ("head", 32), ("digest", 32)],
    "privates": PRIVATES,
    "range": [("first", "u64"), ("last", "u64")],
    "unread": [("peer", 32), ("ranges", ("list", "range"))],
    "content": [("unread", ("list", "range")), ("text", ("vec", 0, MOST))],
}


def fields_of(structure, d):
    for f in structure:
        yield from f(d) if callable(f) else [f]


def tag(kind):
    return kind[0] if isinstance(kind, tuple) else kind


def size_of_length(most):
    return (most.bit_length() + 7) // 8


class Reader:
    def __init__(self, b):
        self.b = b

    def take(self, n):
        require(len(self.b) >= n, "malformed", "truncated")
        out, self.b = self.b[:n], self.b[n:]
        return out

    def vector(self, least, most):
        out = self.take(int.from_bytes(self.take(size_of_length(most)), "big"))
        require(least <= len(out) <= most, "malformed", "length")
        return out

    def structure(self, name):
        return checked(name, self.fields(STRUCTURES[name]))

    def fields(self, structure):
        d = {}
        for name, kind in fields_of(structure, d):
            d[name] = self.field(kind, d)
        return d

    def field(self, kind, d):
        if isinstance(kind, int):
            return self.take(kind)
        if kind in NUMBERS:
            return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]
        if kind == "body":
            return self.fields(by_kind(BODIES)(d))
        if kind[0] == "vec":
            return self.vector(kind[1], kind[2])
        if kind[0] == "in":
            return self.structure(kind[1])
        inner, items = Reader(self.vector(0, MOST)), []
        while inner.b or kind[0] == "nested" and not items:
            items.append(inner.structure(kind[1]))
            require(kind[0] == "list" or not inner.b, "malformed", "left over")
        return items if kind[0] == "list" else items[0]


def write(structure, d):
    return b"".join(write_field(kind, d[name], d) for name, kind in fields_of(structure, d))


def write_field(kind, v, d):
    if isinstance(kind, int):
        assert len(v) == kind
        return v
    if kind in NUMBERS:
        return struct.pack(NUMBERS[kind], v)
    if kind == "body":
        return write(BODIES[d["kind"]], v)
    if kind[0] == "vec":
        return len(v).to_bytes(size_of_length(kind[2]), "big") + v
    if kind[0] == "in":
        return write(STRUCTURES[kind[1]], v)
    body = b"".join(write(STRUCTURES[kind[1]], x) for x in (v if kind[0] == "list" else [v]))
    return len(body).to_bytes(3, "big") + body


def dump(structure, d, path=""):
    for name, kind in fields_of(structure, d):
        v, t = d[name], tag(kind)
        if t == "body":
            yield from dump(BODIES[d["kind"]], v, path)
        elif t in ("in", "nested"):
            yield from dump(STRUCTURES[kind[1]], v, f"{path}{name}.")
        elif t == "list":
            for i, x in enumerate(v):
                yield from dump(STRUCTURES[kind[1]], x, f"{path}{name}[{i}].")
        else:
            yield path + name, v if isinstance(v, bytes) else struct.pack(NUMBERS[kind], v)


def ascending(keys):
    require(all(a < b for a, b in zip(keys, keys[1:])), "malformed", "order")


def checked(t, d):
    """The rules that stand beside the structures (7.2 to 12.1)."""
    def rule(ok, what):
        require(ok, "malformed", what)

    if isinstance(t, int):
        rule(d["version"] == 1 and d["type"] == t, "version or type")
    if t in ("device", 12):
        rule(d["status"] in (ACTIVE, PENDING) and d["prekey_id"] > 0, "device")
        ascending([p["device"] for p in d.get("introductions", [])])
    elif t == 6:
        rule(d["epoch"] > 0, "epoch")
        ascending([x["device"] for x in d["devices"]])
        rule(status_of(d, d["leader"]) == ACTIVE, "leader")
    elif t == 5:
        rule(d["epoch"] > 0, "epoch")
    elif t == 7:
        rule(d["signed_prekey_id"] > 0 and (d["one_time_prekey_id"] == 0) == (d["one_time_prekey"] == ZERO), "prekeys")
    elif t in (8, "privates"):
        rule(d["signed_prekey_id"] > 0 and 0 < d["first_one_time_prekey_id"] <= 2**32 - BATCH, "ids")
    elif t in (3, 4):
        rule(d["sender"] != d["recipient"] and d["seq"] > 0, "entry")
        if t == 4:
            s = d["statement"]
            rule(s["account"] == d["sender"] and s["epoch"] == d["sender_epoch"] and d["signed_prekey_id"] > 0, "start")
    elif t == 10:
        rule(d["number"] > 0, "number")
        ascending([p["device"] for p in d["parcels"]])
        ascending([p["device"] for p in d.get("introductions", [])])
    elif t == 13:
        ascending([c["peer"] for c in d["cuts"]])
        rule(all(c["seq"] for c in d["cuts"]), "cut")
    elif t == "range":
        rule(0 < d["first"] <= d["last"], "range")
    elif t in ("unread", "content"):
        runs = runs_of(d["ranges" if t == "unread" else "unread"])
        rule(runs or t == "content", "ranges")
        rule(all(a[1] + 1 < b[0] for a, b in zip(runs, runs[1:])) and len(runs) <= RUNS, "ranges")
    elif t == 9:
        k, b = d["kind"], d["body"]
        if k == SENT:
            rule(len(b["secret"]) in (0, 32) and (not b["secret"]) == (not b["bundle"]), "secret")
        if k in (ACK, READY):
            rule(b["prekey_id"] > 0, "prekey_id")
        if k in (PREKEYS, LIST):
            checked({PREKEYS: "privates", LIST: 6}[k], b)
        if k in (ACK, ROTATE):
            ascending([x["peer"] for x in b["claims" if k == ACK else "unread"]])
    return d


def decode(t, b):
    require(t in STRUCTURES, "malformed", "type")
    r = Reader(b)
    d = r.structure(t)
    require(not r.b, "malformed", "left over")
    return d


# 10.6 Runs of places, as pairs of the first and the last one, ascending and apart.


def runs_of(ranges):
    return [(r["first"], r["last"]) for r in ranges]


def ranges_of(runs):
    return [{"first": a, "last": b} for a, b in runs]


def union(*all_runs):
    out = []
    for a, b in sorted(r for runs in all_runs for r in runs):
        if out and a <= out[-1][1] + 1:
            a, b = out[-1][0], max(b, out.pop()[1])
        out.append((a, b))
    return out


def minus(runs, others):
    for x, y in others:
        runs = [r for a, b in runs for r in ((a, min(b, x - 1)), (max(a, y + 1), b)) if r[0] <= r[1]]
    return runs


def bounded(runs):
    while len(runs) > RUNS:
        runs = [(runs[0][0], runs[1][1]), *runs[2:]]
    return runs


def make(t, **d):
    return {"version": 1, "type": t, **d}


def encode(t, d):
    return write(STRUCTURES[t], d)


def parse_entry(b):
    return decode(4 if b[:2] == b"\x01\x04" else 3, b)


# 7.2 Keys and device lists


DOMAINS = {5: b"ambassador-v1 epoch statement", 6: b"ambassador-v1 device list"}


def sign(t, d, account_key):
    d["signature"] = bytes(64)
    d["signature"] = account_key.sign(DOMAINS[t] + encode(t, d)[:-64])
    return d


def verify(t, d):
    if t == 7:
        verify(5, d["statement"])
        return verify_prekey(d["statement"]["ambassador_key"], d["signed_prekey"], d["prekey_signature"])
    point = spec.decode_point(d["account"])
    sound = point and spec.encode_point(point) == d["account"] and spec.mul(8, point) != spec.IDENTITY
    require(sound, "bad-signature", "account key")
    try:
        Ed25519PublicKey.from_public_bytes(d["account"]).verify(d["signature"], DOMAINS[t] + encode(t, d)[:-64])
    except (InvalidSignature, ValueError) as e:
        raise Refused("bad-signature") from e
    if t == 5:
        SET.decode(d["ambassador_key"])


def verify_prekey(key, prekey, signature):
    spec.verify("strict", key, SET.label + prekey, signature)


def status_of(devices, device):
    return next((x["status"] for x in devices["devices"] if x["device"] == device), None)


def others(devices, but, status=None):
    return [x["device"] for x in devices["devices"] if x["device"] != but and status in (None, x["status"])]


# 7.4 Prekeys


@dataclass
class Batch:
    signed_id: int
    signed: bytes
    first: int
    one_time: list


@dataclass
class Keys:
    statement: dict
    ambassador: bytes
    batches: list = field(default_factory=list)

    def new_batch(self, draw):
        last = self.batches[-1] if self.batches else Batch(0, b"", 1 - BATCH, [])
        signed, z = draw.key(), draw(64)
        b = Batch(last.signed_id + 1, signed, last.first + BATCH, [draw.key() for _ in range(BATCH)])
        publication = make(8, signed_prekey_id=b.signed_id, signed_prekey=pub(signed),
                           prekey_signature=spec.sign("strict", self.ambassador, SET.label + pub(signed), z), first_one_time_prekey_id=b.first,
                           **{f"one_time_prekeys[{i}]": pub(k) for i, k in enumerate(b.one_time)})
        return b, publication

    def add(self, batch):
        self.batches = (self.batches + [batch])[-2:]

    def signed(self, i):
        b = next((b for b in self.batches if b.signed_id == i), None)
        require(b, "unknown-prekey")
        return b.signed

    def slot(self, i):
        return next(((b, i - b.first) for b in self.batches if 0 <= i - b.first < BATCH), None)

    def one_time(self, i):
        if i == 0:
            return None
        at = self.slot(i)
        require(at and at[0].one_time[at[1]], "unknown-prekey")
        return at[0].one_time[at[1]]

    def use(self, i):
        at = self.slot(i)
        if at:
            at[0].one_time[at[1]] = None


def new_epoch(account_key, epoch, draw):
    ambassador, account = draw.key(), account_key.public_key().public_bytes_raw()
    keys = Keys(sign(5, make(5, account=account, epoch=epoch, ambassador_key=pub(ambassador)), account_key), ambassador)
    batch, publication = keys.new_batch(draw)
    keys.add(batch)
    return keys, publication


def privates_of(b):
    return {"signed_prekey_id": b.signed_id, "signed_prekey_private": b.signed, "first_one_time_prekey_id": b.first,
            **{f"one_time_prekey_privates[{i}]": k for i, k in enumerate(b.one_time)}}


def batch_of(p):
    return Batch(p["signed_prekey_id"], clamp(p["signed_prekey_private"]), p["first_one_time_prekey_id"],
                 [clamp(p[f"one_time_prekey_privates[{i}]"]) for i in range(BATCH)])


# 8 The device channel


class Channels:
    def __init__(self, draw):
        self.identity = draw.key()
        self.device, self.prekeys, self.accepted, self.sessions = pub(self.identity), [], [], {}
        self.renew(draw)

    def renew(self, draw):
        k, z = draw.key(), draw(64)
        n = self.prekeys[-1][0] + 1 if self.prekeys else 1
        self.prekeys.append((n, k, spec.sign("strict", self.identity, SET.label + pub(k), z)))

    def prekey(self):
        n, k, signature = self.prekeys[-1]
        return {"prekey_id": n, "prekey": pub(k), "prekey_signature": signature}

    def forget(self, below):
        self.prekeys = [p for p in self.prekeys if p[0] >= below or p is self.prekeys[-1]]
        self.accepted = [a for a in self.accepted if a[0] in [p[0] for p in self.prekeys]]  # 4.3

    def entry(self):
        return {"device": self.device, "status": ACTIVE, **self.prekey()}

    def connect(self, d, draw):
        ek = draw.key()
        secret, ad = spec.initiate(SET, self.identity, ek, {"identity": d["device"], "signed_prekey": d["prekey"], "signature": d["prekey_signature"]})
        state = spec.start_initiator(SET, secret, ad, draw.key(), d["prekey"], 1)
        self.sessions[d["device"]] = state, {"ik": self.device, "ek": pub(ek), "spk_id": d["prekey_id"], "opk_id": 0}, True

    def fresh(self, to):
        return not self.sessions[to][0].cks

    def seal(self, r, draw):
        require(r["receiver"] in self.sessions, "not-ready")
        state, wrap, wrapping = self.sessions[r["receiver"]]
        state, message = state.encrypt(encode(9, r), draw.key)
        self.sessions[r["receiver"]] = state, wrap, wrapping
        return spec.encode_initial(SET, wrap, message) if wrapping else message

    def open(self, devices, sender, message):
        """8.3: gives the record, and whether the message started the channel, and was message 0 of its chain."""
        require(status_of(devices, sender) and sender != self.device, "not-allowed", "not on the list")
        initial = message[:2] == b"\x01\x01"
        inner = spec.parse_initial(SET, message)["message"] if initial else message
        opened = sender not in self.sessions
        plaintext = self.respond(sender, message) if opened and initial else self.decrypt(sender, initial, message)
        r = decode(9, plaintext)
        kind = r["kind"]
        require(r["account"] == devices["account"], "not-allowed", "account")
        require(r["sender"] == sender, "not-allowed", "sender")
        require(r["receiver"] == self.device, "not-allowed", "receiver")
        require(kind not in (LIST, PREPARE, ROTATE) or sender == devices["leader"], "not-allowed", "leader")
        silent = kind == READY or kind == ACK and not r["body"]["claims"]
        require(silent or status_of(devices, sender) == ACTIVE, "not-allowed", "pending")
        require(r["epoch"] == devices["epoch"] or kind == ACK and opened and initial and not r["epoch"], "stale-epoch")
        if kind in (ACK, READY):
            verify_prekey(sender, r["body"]["prekey"], r["body"]["prekey_signature"])
        return r, opened, spec.parse(SET, inner).n == 0

    def respond(self, sender, message):
        w = spec.parse_initial(SET, message)
        require(w["ik"] == sender, "not-allowed", "identity")
        spk = next((k for n, k, _ in self.prekeys if n == w["spk_id"]), None)
        require(spk and not w["opk_id"], "unknown-prekey")
        secret, ad = spec.respond(SET, self.identity, spk, None, w["ik"], w["ek"])
        digest = w["spk_id"], spec.hmac256(secret, b"accepted")
        require(digest not in self.accepted, "replay")
        state = spec.start_responder(SET, secret, ad, spk, b"", 1)
        state, plaintext = state.decrypt(w["message"], None)
        self.accepted.append(digest)
        self.sessions[sender] = state, w, False
        return plaintext

    def decrypt(self, sender, initial, body):
        require(sender in self.sessions, "not-ready")
        state, wrap, wrapping = self.sessions[sender]
        if initial:
            w = spec.parse_initial(SET, body)
            require(not wrapping and wrap["ik"] == w["ik"] and wrap["ek"] == w["ek"], "authentication")
            body = w["message"]
        state, plaintext = state.decrypt(body, None)
        self.sessions[sender] = state, wrap, False
        return plaintext


# 10 Conversations


def first_head(a, b):
    return hashlib.sha256(b"ambassador-v1 log" + min(a, b) + max(a, b)).digest()


def next_head(previous, entry):
    return hashlib.sha256(b"ambassador-v1 entry" + previous + entry).digest()


def context(e):
    return write(ENTRY_HEAD + (START if e["type"] == 4 else []), e)


def within(state, ctx):
    return replace(state, ad=state.ad + ctx)


@dataclass
class Talk:
    own: bytes
    peer: bytes
    seq: int = 0
    head: bytes = b""
    statement: dict = None
    prekey_id: int = 0
    own_epoch: int = 0
    session: object = None
    spoken: bool = False  # an own entry stands in the session
    settled: bool = False
    # 10.6
    unread: list = field(default_factory=list)
    named: list = field(default_factory=list)
    told: list = field(default_factory=list)
    doubt: bool = False
    answered: int = 0  # the epoch of the other side that the answer names
    answered_at: int = 0  # and its place
    # 11: what keeps it in step
    tip: tuple = None
    parked: list = field(default_factory=list)
    asked: int = 0  # the newest own entry whose record it has asked for
    records: dict = field(default_factory=dict)
    claims: dict = field(default_factory=dict)  # of places that are still to come
    claimed: dict = field(default_factory=dict)  # the highest place of each sibling
    places: list = field(default_factory=list)  # seq, head and digest of those that were passed
    last: dict = None
    stop: tuple = None  # seq, head and digest of the place for which it is frozen

    def __post_init__(self):
        self.head = self.head or first_head(self.own, self.peer)
        self.tip = self.tip or (0, self.head)

    @property
    def frozen(self):
        return self.stop is not None

    def place(self):
        return self.seq, self.head, self.digest()

    def owes(self):
        owed = minus(self.unread, self.named)
        return bool(owed) and (not self.answered or owed[0][0] < self.answered_at) and not self.frozen and self.tip[0] == self.seq

    def peer_epoch(self):
        return self.statement["epoch"] if self.statement else 0

    def digest(self):
        b = b"ambassador-v1 conversation" + self.own + self.peer + struct.pack(">Q", self.seq) + self.head
        if self.session:
            b += struct.pack(">IIB", self.own_epoch, self.peer_epoch(), self.settled) + self.session.marshal()
        return hashlib.sha256(b).digest()

    def moved(self, encoded):
        t = copy.copy(self)
        t.seq, t.head = self.seq + 1, next_head(self.head, encoded)
        return t

    def meet(self, statement, prekey_id):
        if statement["epoch"] > self.peer_epoch():
            self.prekey_id = 0
        self.statement, self.prekey_id = statement, max(self.prekey_id, prekey_id)

    def check_statement(self, s):
        require(s["account"] == self.peer, "not-allowed")
        verify(5, s)
        require(s["epoch"] >= self.peer_epoch(), "stale-epoch")
        require(s["epoch"] > self.peer_epoch() or s["ambassador_key"] == self.statement["ambassador_key"], "not-allowed")

    def check_bundle(self, b):
        self.check_statement(b["statement"])
        require(b["statement"]["epoch"] > self.peer_epoch() or b["signed_prekey_id"] >= self.prekey_id, "stale-epoch")

    def outgoing(self, e, session, plaintext, draw):
        e = make(e["type"], **{k: v for k, v in e.items() if k not in ("version", "type")}, sender=self.own, recipient=self.peer,
                 recipient_epoch=self.peer_epoch(), seq=self.seq + 1, previous=self.head)
        content = write(STRUCTURES["content"], {"unread": ranges_of(self.unread), "text": plaintext})
        state, e["message"] = within(session, context(e)).encrypt(content, draw.key)
        state.ad = session.ad
        encoded = encode(e["type"], e)
        n = self.moved(encoded)
        n.session, n.own_epoch = state, e["sender_epoch"]
        n.spoke(e, self.unread, plaintext)
        return encoded, n, {"peer": self.peer, "seq": n.seq, "head": n.head, "digest": n.digest(), "ratchet_private": state.dhs, "secret": b"", "bundle": b""}

    def spoke(self, e, unread, text):
        """An own entry has its place."""
        self.spoken, self.settled = True, self.settled and e["type"] == 3
        self.unread = bounded(union(self.unread, unread))
        self.named = bounded(union([] if e["type"] == 4 else self.named, unread))
        self.answered, self.answered_at = (0, 0) if text else (e["recipient_epoch"], e["seq"])

    def start_due(self, b):
        return not self.session or self.doubt and not self.settled or b is not None and b["statement"]["epoch"] > self.peer_epoch()

    def send(self, plaintext, draw):
        return self.outgoing({"type": 3, "sender_epoch": self.own_epoch}, self.session, plaintext, draw)

    def start(self, keys, b, plaintext, draw):
        if self.doubt:
            b = {**b, "one_time_prekey_id": 0, "one_time_prekey": ZERO}
        ek = draw.key()
        secret, ad = spec.initiate(SET, keys.ambassador, ek, x3dh_bundle(b))
        session = spec.start_initiator(SET, secret, ad, draw.key(), b["signed_prekey"], 2)
        t = copy.copy(self)
        t.meet(b["statement"], b["signed_prekey_id"])
        encoded, n, sent = t.outgoing({"type": 4, "sender_epoch": keys.statement["epoch"], "statement": keys.statement, "ephemeral": pub(ek),
                                       "signed_prekey_id": b["signed_prekey_id"], "one_time_prekey_id": b["one_time_prekey_id"]}, session, plaintext, draw)
        return encoded, n, {**sent, "secret": secret, "bundle": encode(7, b)}

    def receive(self, keys, e, encoded):
        """10.4: the next conversation; the text, None if nothing was read; why not; and the places that the other side could not read."""
        n = self.moved(encoded)
        try:
            require(e["recipient_epoch"] == keys.statement["epoch"], "stale-epoch")
            session = self.respond(keys, e) if e["type"] == 4 else self.continued(e)
            state, plaintext = within(session, context(e)).decrypt(e["message"], None)
        except Refused as r:
            n.doubt = True
            if e["sender_epoch"] != n.answered:
                n.answered = 0
            n.missed([(n.seq, n.seq)])
            return n, None, r, []
        state.ad, n.session = session.ad, state
        if e["type"] == 4:
            n.meet(e["statement"], 0)
            n.own_epoch, n.spoken, n.settled, n.named = e["recipient_epoch"], False, False, []
        else:
            n.unread, n.settled = minus(n.unread, n.named), n.spoken
        n.doubt, n.answered = False, 0
        try:
            unread, text = content_of(e, plaintext)
        except Refused as r:
            n.missed([(n.seq, n.seq)])
            return n, None, r, []
        lost = minus(unread, n.told)
        n.told = bounded(union(n.told, unread))
        return n, text, None, lost

    def missed(self, runs):
        self.unread = bounded(union(self.unread, runs))

    def continued(self, e):
        require(self.session, "not-ready")
        require(e["sender_epoch"] == self.peer_epoch(), "stale-epoch")
        return self.session

    def respond(self, keys, e):
        self.check_statement(e["statement"])
        require(not (self.session and self.settled and e["sender_epoch"] == self.peer_epoch()), "not-allowed")
        spk, opk = keys.signed(e["signed_prekey_id"]), keys.one_time(e["one_time_prekey_id"])
        secret, ad = spec.respond(SET, keys.ambassador, spk, opk, e["statement"]["ambassador_key"], e["ephemeral"])
        return spec.start_responder(SET, secret, ad, spk, b"", 2)

    def follow(self, keys, e, encoded, sent):
        n, private = self.moved(encoded), clamp(sent["ratchet_private"])
        if e["type"] == 4:
            b = decode(7, sent["bundle"])
            self.check_bundle(b)
            fits = [(b["statement"]["epoch"], e["recipient_epoch"])] + [(b[k], e[k]) for k in ("signed_prekey_id", "one_time_prekey_id")]
            require(all(x == y for x, y in fits), "authentication", "another bundle")
            require(e["statement"] == keys.statement, "authentication", "another statement")
            x = x3dh_bundle(b)
            ad = spec.associated_data(SET, e["statement"]["ambassador_key"], x["identity"], e["ephemeral"], x["signed_prekey"], x.get("one_time_prekey", b""))
            session = spec.start_initiator(SET, sent["secret"], ad, private, b["signed_prekey"], 2)
            n.meet(b["statement"], b["signed_prekey_id"])
        else:
            require(self.session and not sent["secret"], "authentication")
            session = self.session
        m = spec.parse(SET, e["message"])
        # The sender's step: a new ratchet key, but for the first message of a start; then its message key.
        s = session.copy()
        if not s.cks or s.ns > 0:
            s.new_sending_chain(lambda: private)
        require((m.key, m.pn, m.n) == (pub(s.dhs), s.pn, s.ns), "authentication")
        s.cks, mk = spec.kdf_ck(s.cks)
        s.ns += 1
        plaintext = spec.open_message(SET, mk, s.ad + context(e), m)
        n.session, n.own_epoch = s, e["sender_epoch"]
        try:
            unread, text = content_of(e, plaintext)
        except Refused:
            unread, text = [], b""
        n.spoke(e, unread, text)
        require(n.head == sent["head"] and n.digest() == sent["digest"], "authentication")
        return n, text

    def check_place(self, e):
        """10.4, against the newest place of the log that was seen."""
        seq, h = self.tip
        require({e["sender"], e["recipient"]} == {self.own, self.peer}, "not-allowed")
        require(e["seq"] > seq, "duplicate")
        require(e["seq"] == seq + 1, "not-ready")
        require(e["previous"] == h, "conflict")


def content_of(e, plaintext):
    r = Reader(plaintext)
    c = r.structure("content")
    runs = runs_of(c["unread"])
    require(not r.b and all(last < e["seq"] for _, last in runs), "malformed", "content")
    return runs, c["text"]


def x3dh_bundle(b):
    x = {"identity": b["statement"]["ambassador_key"], "signed_prekey": b["signed_prekey"], "signature": b["prekey_signature"]}
    return x | ({"one_time_prekey": b["one_time_prekey"]} if b["one_time_prekey_id"] else {})


# 11 and 12: the device


def parcel(device, body):
    return {"device": device, "body": body}


def event(kind, **d):
    return {"kind": kind, **d}


class Device:
    def __init__(self, draw):
        self.channels = Channels(draw)
        self.id = self.channels.device
        self.account_key = self.list = self.keys = self.pending = None
        self.signed = 0  # the highest epoch of which it has signed a list
        self.talks, self.number, self.behind, self.received = {}, 0, False, 0
        self.due, self.prekey_used, self.prekeys, self.prepared = [], False, {}, {}

    def __getstate__(self):
        d = dict(self.__dict__)
        d["account_key"] = self.account_key and self.account_key.private_bytes_raw()
        return d

    def __setstate__(self, d):
        self.__dict__.update(d)
        self.account_key = self.account_key and Ed25519PrivateKey.from_private_bytes(self.account_key)

    @property
    def account(self):
        return self.list["account"]

    def talk(self, peer):
        return self.talks.get(peer) or Talk(self.account, peer)

    def register(self, draw):
        self.account_key = Ed25519PrivateKey.from_private_bytes(draw(32))
        self.signed = (int.from_bytes(draw(4), "big") & 2**30 - 1) + 1
        self.keys, publication = new_epoch(self.account_key, self.signed, draw)
        account = self.keys.statement["account"]
        self.list = sign(6, make(6, account=account, epoch=self.signed, leader=self.id, devices=[self.channels.entry()]), self.account_key)
        commit = self.commit(REGISTER, [], list=self.list, statement=self.keys.statement, publication=publication, introductions=[])
        self.pending = {"number": self.number}
        return commit

    def commit(self, kind, parcels, **more):
        self.number += 1
        return encode(10, make(10, kind=kind, account=self.account, device=self.id, epoch=self.list["epoch"], number=self.number, parcels=parcels, **more))

    def may_commit(self):
        require(self.list and self.keys and not self.behind and not self.pending, "not-ready")

    def may_record(self):
        require(self.list and status_of(self.list, self.id) and not self.behind, "not-ready")

    def may_lead(self):
        require(self.account_key, "not-allowed")
        self.may_commit()

    def caught_up(self, commits):
        self.behind |= commits > self.number
        require(commits <= self.number, "not-ready", "set back")
        self.behind = False
        return self.drop()

    def drop(self):
        p, self.pending = self.pending, None
        n = p and p.get("next")
        return [event("dropped", device=self.id, **({"account": n.peer, "seq": n.seq} if n else {}))] if p else []

    def owes(self):
        """10.6: to whom an answer is due."""
        ready = self.keys and not self.behind and not self.pending
        return [p for p, t in sorted(self.talks.items()) if ready and t.owes()]

    def seal(self, to, kind, body, draw, epoch=None):
        r = make(9, kind=kind, account=self.account, epoch=self.list["epoch"] if epoch is None else epoch, sender=self.id, receiver=to, body=body)
        return parcel(to, self.channels.seal(r, draw))

    def seal_all(self, kind, body, draw):
        return [self.seal(to, kind, body, draw) for to in others(self.list, self.id, ACTIVE)]

    # 11.2 Sending

    def send(self, peer, plaintext, bundle, draw):
        self.may_commit()
        require(peer != self.account, "not-allowed")
        t = self.talk(peer)
        require(not t.frozen, "frozen")
        require(t.tip[0] == t.seq, "not-ready")
        b = decode(7, bundle) if bundle else None
        due = t.start_due(b)
        require(b or not due, "incomplete-bundle")
        if b:
            t.check_bundle(b)
        if due:
            encoded, n, sent = t.start(self.keys, b, plaintext, draw)
        else:
            if b:
                verify_prekey(b["statement"]["ambassador_key"], b["signed_prekey"], b["prekey_signature"])
            encoded, n, sent = t.send(plaintext, draw)
        parcels = self.seal_all(SENT, sent, draw)
        commit = self.commit(ENTRY, parcels, entry=encoded)
        self.pending = {"number": self.number, "entry": encoded, "next": n, "last": None if sent["secret"] else sent}
        return commit

    def replenish(self, draw):
        self.may_commit()
        batch, publication = self.keys.new_batch(draw)
        parcels = self.seal_all(PREKEYS, privates_of(batch), draw)
        commit = self.commit(PUBLISH, parcels, publication=publication)
        self.pending = {"number": self.number, "batch": batch}
        return commit

    # 11.1 Acks and what is owed

    def owe(self, to, kind, body):
        if kind == ACK:
            known = (to, kind, body) in self.due
        else:
            known = len(self.due) >= WAITING
        if not known:
            self.due.append((to, kind, body))

    def ack_body(self):
        places = [(p, *(t.stop or t.place())) for p, t in sorted(self.talks.items()) if t.seq]
        return {"claims": [dict(zip(("peer", "seq", "head", "digest"), x)) for x in places], **self.channels.prekey()}

    def ack(self, draw):
        self.may_record()
        self.received = 0
        if self.prekey_used:
            self.channels.renew(draw)
            self.prekey_used = False
        parcels = self.seal_all(ACK, self.ack_body(), draw)
        require(parcels, "not-ready")
        return self.commit(RECORDS, parcels)

    def upkeep(self, draw):
        if not self.due and self.received < ACK_EVERY:
            return None
        self.may_record()
        if not self.due:
            return self.ack(draw)
        # An answer that has waited while a chain began is an ack (AMB-ROT-08).
        stale = [(to, ACK, None) for to, kind, _ in self.due if kind == READY and not self.channels.fresh(to)]
        self.due = stale + [x for x in self.due if x not in stale and (x[1] != READY or not stale)]
        now, later = {}, []
        for to, kind, body in self.due:
            if to in now:
                later.append((to, kind, body))
            elif status_of(self.list, to):
                now[to] = kind, body
        self.due = later
        parcels = []
        for to in others(self.list, self.id):
            if to in now:
                kind, body = now[to]
                parcels.append(self.seal(to, kind, self.ack_body() if kind == ACK else body, draw))
        return self.commit(RECORDS, parcels) if parcels else None

    # 9.4, 10.4 Reading

    def receive(self, mail):
        m = decode(13, mail)
        require(self.list, "not-ready")
        events = []
        for p in m["parcels"]:
            events += self.attempt(lambda d: d.open(p, m["cuts"]), device=p["device"])
        own = self.echo(m)
        events += own
        if not own and m["entry"]:
            events += self.accept(m["entry"])
        for d in self.list["devices"]:
            if d["device"] == self.id:
                self.channels.forget(d["prekey_id"])
        return events

    def attempt(self, change, **about):
        """Does a change on a copy; one that is refused leaves no trace and is told."""
        d = copy.deepcopy(self)
        try:
            events = change(d)
        except Refused as r:
            return [event("refused", **{"class": r.cls}, **about)]
        self.__dict__.update(d.__dict__)
        return events

    def open(self, p, cuts):
        r, opened, first = self.channels.open(self.list, p["device"], p["body"])
        self.prekey_used |= opened
        kind, body, sender = r["kind"], r["body"], r["sender"]
        require(self.keys or kind not in (SENT, PREKEYS), "not-allowed")
        events = self.take(kind, body, sender, first, cuts)
        if kind != ACK:
            self.received += 1
        return events

    def take(self, kind, body, sender, first, cuts):
        taken = [event("record", device=sender)]
        if kind == SENT:
            return self.take_sent(sender, body)
        if kind == ACK:
            return taken + self.take_ack(sender, body)
        if kind == PREKEYS:
            last = self.keys.batches[-1]
            require((body["signed_prekey_id"], body["first_one_time_prekey_id"]) == (last.signed_id + 1, last.first + BATCH), "stale-epoch")
            self.keys.add(batch_of(body))
        elif kind == LIST:
            self.check_list(body, PENDING)
            self.talks = {p: Talk(t.own, p, statement=t.statement, prekey_id=t.prekey_id) for p, t in self.talks.items() if t.statement}
            return self.open_epoch(body, None, [], [])
        elif kind == PREPARE:
            self.due = [x for x in self.due if x[1] != READY]
            if self.channels.fresh(sender):
                self.due.insert(0, (sender, READY, {"nonce": body["nonce"], **self.channels.prekey()}))
            else:
                self.owe(sender, ACK, None)
        elif kind == READY:
            require(self.account_key and self.prepared.get(sender) == body["nonce"], "not-allowed")
            require(first, "not-allowed")
            self.keep_prekey(sender, body)
            del self.prepared[sender]
        elif kind == ROTATE:
            return taken + self.take_rotate(body, cuts)
        elif kind == RESEND:
            t = self.talk(body["peer"])
            if t.last and t.last["seq"] == body["seq"]:
                self.owe(sender, SENT, t.last)
        return taken

    def keep_prekey(self, sender, body):
        known = self.prekeys.get(sender)
        if self.account_key and (not known or body["prekey_id"] > known["prekey_id"]):
            self.prekeys[sender] = {k: body[k] for k in ("prekey_id", "prekey", "prekey_signature")}

    def take_sent(self, sender, s):
        taken = [event("record", device=sender, account=s["peer"], seq=s["seq"])]
        require(s["peer"] != self.account, "not-allowed")
        t = self.talk(s["peer"])
        if not s["seq"]:
            return taken
        require(s["seq"] <= t.seq + WAITING, "skip-limit")
        self.talks[s["peer"]] = t
        if s["seq"] > t.seq:
            t.records[s["seq"]] = s
        return taken + self.claim(sender, s) + self.drain(s["peer"])

    def take_ack(self, sender, body):
        self.keep_prekey(sender, body)
        return [e for c in body["claims"] if c["seq"] and c["peer"] != self.account for e in self.claim(sender, c)]

    def claim(self, sender, c):
        """11.1: what a sibling says of a place."""
        t = self.talks[c["peer"]] = self.talk(c["peer"])
        said, before = (c["seq"], c["head"], c["digest"]), t.claimed.get(sender, 0)
        if t.frozen:
            return []
        if c["seq"] > t.seq:
            t.claims[sender] = said
            return []
        t.claimed[sender] = max(before, c["seq"])
        passed = next((p for p in [*t.places, t.place()] if p[0] == c["seq"]), None)  # where it stands it knows in any case
        self.forget(t)
        if passed:
            return self.freeze(t, passed) if passed != said else []
        return self.freeze(t, t.place()) if c["seq"] > before else []

    def pass_place(self, t):
        """The conversation has come to a place: it is remembered, and compared with what siblings have said of it."""
        place = t.place()
        t.places = [*t.places, place][-PLACES:]
        here = {d: c for d, c in t.claims.items() if c[0] == t.seq}
        t.claimed = t.claimed | {d: t.seq for d in here}
        t.claims = {d: c for d, c in t.claims.items() if c[0] > t.seq}
        self.forget(t)
        return self.freeze(t, place) if any(c != place for c in here.values()) else []

    def forget(self, t):
        least = min((t.claimed.get(d, 0) for d in others(self.list, self.id, ACTIVE)), default=t.seq)
        t.places = [p for p in t.places if p[0] > least]

    def freeze(self, t, place):
        if t.frozen:
            return []
        t.stop = place
        for d in others(self.list, self.id, ACTIVE):
            self.owe(d, ACK, None)
        return [event("frozen", account=t.peer, seq=t.seq, **{"class": "frozen"})]

    def accept(self, encoded):
        try:
            e = parse_entry(encoded)
        except Refused as r:
            return [event("refused", **{"class": r.cls})]
        if not self.keys:
            return [event("refused", **{"class": "not-allowed"})]
        peer = e["recipient"] if e["sender"] == self.account else e["sender"]
        return self.attempt(lambda d: d.arrive(peer, e, encoded), account=peer, seq=e["seq"])

    def arrive(self, peer, e, encoded):
        t = self.talk(peer)
        t.check_place(e)
        self.talks[peer] = t
        waiting = t.tip[0] > t.seq
        t.tip = e["seq"], next_head(t.tip[1], encoded)
        if t.frozen:
            return [event("frozen", account=peer, seq=e["seq"], **{"class": "frozen"})]
        if len(t.parked) < WAITING:
            t.parked.append(encoded)
        parked = event("parked", account=peer, seq=e["seq"])
        if waiting:
            return [parked] + self.drain(peer)
        events = self.drain(peer)
        t = self.talks[peer]
        return events + ([parked] if t.tip[0] > t.seq and not t.frozen else [])

    def drain(self, peer):
        events, t = [], self.talk(peer)
        while t.parked and not t.frozen:
            encoded = t.parked[0]
            e = parse_entry(encoded)
            if e["sender"] == self.account:
                sent = t.records.get(e["seq"])
                if sent is None:
                    if t.asked < e["seq"]:
                        t.asked = e["seq"]
                        for d in others(self.list, self.id, ACTIVE):
                            self.owe(d, RESEND, {"peer": peer, "seq": e["seq"]})
                    break
                try:
                    n, text = t.follow(self.keys, e, encoded, sent)
                except Refused:
                    n = t.moved(encoded)
                    t, wrong = self.step(n, t.last)
                    events += wrong or self.freeze(t, t.place())
                    break
                t, wrong = self.step(n, None if sent["secret"] else sent)
                events.append(event("sent", account=peer, seq=t.seq, plaintext=text))
            else:
                n, text, void, lost = t.receive(self.keys, e, encoded)
                t, wrong = self.step(n, t.last)
                if void:
                    events.append(event("void", account=peer, seq=t.seq, **{"class": void.cls}))
                elif text:
                    events.append(event("message", account=peer, seq=t.seq, plaintext=text))
                else:
                    events.append(event("answer", account=peer, seq=t.seq))
                events += [event("undelivered", account=peer, seq=a, last=b) for a, b in lost]
                if e["type"] == 4 and not n.doubt:
                    self.keys.use(e["one_time_prekey_id"])
                    t.last = None
            events += wrong
        return events

    def step(self, n, last):
        n.last = last
        n.parked = n.parked[1:] if n.parked and parse_entry(n.parked[0])["seq"] <= n.seq else n.parked
        n.records = {seq: s for seq, s in n.records.items() if seq > n.seq}
        if n.tip[0] < n.seq:
            n.tip = n.seq, n.head
        self.talks[n.peer] = n
        return n, self.pass_place(n)

    def echo(self, m):
        """11.2: the own commit that has come back."""
        p = self.pending
        if m["device"] != self.id or not p or p["number"] != m["number"] or m["entry"] != p.get("entry", b""):
            return []
        self.pending = None
        accepted = [event("accepted", device=self.id)]
        if "next" in p:
            n, t = p["next"], self.talk(p["next"].peer)
            if t.seq + 1 != n.seq or t.frozen or t.tip[0] > t.seq:
                return []
            for name in ("claims", "claimed", "places", "records", "tip"):
                setattr(n, name, getattr(t, name))
            return [event("accepted", device=self.id, account=n.peer, seq=n.seq)] + self.step(n, p["last"])[1]
        if "batch" in p:
            self.keys.add(p["batch"])
            return accepted
        if "list" in p:
            return accepted + self.open_epoch(p["list"], p["keys"], [], m["cuts"])
        return []

    # 12.1 Linking

    def offer(self):
        self.may_lead()
        return encode(11, make(11, list=self.list))

    def request(self, offer, draw):
        require(not (self.list and status_of(self.list, self.id)), "not-allowed")
        o = decode(11, offer)["list"]
        require(not status_of(o, self.id), "not-allowed")
        verify(6, o)
        self.list, introductions = o, []
        for d in o["devices"]:
            self.channels.connect(d, draw)
            introductions.append(self.seal(d["device"], ACK, {"claims": [], **self.channels.prekey()}, draw, 0))
        return encode(12, make(12, account=o["account"], epoch=o["epoch"], **self.channels.entry(), introductions=introductions))

    def admit(self, devices, request):
        q = decode(12, request)
        require(q["account"] == self.account and q["epoch"] == self.list["epoch"], "stale-epoch")
        require(not status_of(self.list, q["device"]) and q["status"] == ACTIVE, "not-allowed")
        verify_prekey(q["device"], q["prekey"], q["prekey_signature"])
        devices["devices"] = sorted(devices["devices"] + [{k: q[k] for k, _ in STRUCTURES["device"]}], key=lambda d: d["device"])
        mine = [p for p in q["introductions"] if p["device"] == self.id]
        require(mine, "malformed")
        if q["device"] not in self.channels.sessions:
            r, _, _ = self.channels.open({**devices, "epoch": self.list["epoch"]}, q["device"], mine[0]["body"])
            require(r["kind"] == ACK, "not-allowed")
            self.prekey_used = True
            self.keep_prekey(q["device"], r["body"])
        return [p for p in q["introductions"] if p["device"] != self.id and status_of(devices, p["device"])]

    # 12.2 Rotation

    def prepare(self, devices, draw):
        self.may_lead()
        parcels = []
        for to in others(self.list, self.id):
            if devices is None or to in devices:
                nonce = draw(32)
                parcels.append(self.seal(to, PREPARE, {"nonce": nonce}, draw))
                self.prepared[to] = nonce
        require(parcels, "not-ready")
        return self.commit(RECORDS, parcels)

    def rotate(self, request, remove, draw):
        self.may_lead()
        require(all(d != self.id and status_of(self.list, d) for d in remove), "not-allowed")
        devices = []
        for d in self.list["devices"]:
            if d["device"] not in remove:
                prekey = self.channels.prekey() if d["device"] == self.id else self.prekeys.get(d["device"], {})
                devices.append({**d, "status": PENDING if d["device"] in self.prepared else ACTIVE, **prekey})
        require(self.signed < 2**32 - 1, "exhausted")
        self.signed += 1
        new = make(6, account=self.account, epoch=self.signed, leader=self.id, devices=devices, signature=bytes(64))
        unread = [{"peer": p, "ranges": ranges_of(t.unread)} for p, t in sorted(self.talks.items()) if t.unread]
        introductions = self.admit(new, request) if request else []
        sign(6, new, self.account_key)
        keys, publication = new_epoch(self.account_key, new["epoch"], draw)
        parcels = []
        for to in others(new, self.id):
            kind, body = LIST, new
            if status_of(new, to) == ACTIVE:
                kind, body = ROTATE, {"list": new, "statement": keys.statement, "ambassador_private": keys.ambassador,
                                      "prekeys": privates_of(keys.batches[0]), "unread": unread}
            parcels.append(self.seal(to, kind, body, draw))
        commit = self.commit(ROTATION, parcels, list=new, statement=keys.statement, publication=publication, introductions=introductions)
        self.pending = {"number": self.number, "list": new, "keys": keys}
        return commit

    def check_list(self, new, status):
        require(new["account"] == self.account, "not-allowed")
        verify(6, new)
        require(new["epoch"] > self.list["epoch"], "stale-epoch")
        require(status_of(new, self.id) == status, "not-allowed")

    def take_rotate(self, r, cuts):
        self.check_list(r["list"], ACTIVE)
        s = r["statement"]
        verify(5, s)
        private = clamp(r["ambassador_private"])
        require(s["account"] == self.account and s["epoch"] == r["list"]["epoch"] and s["ambassador_key"] == pub(private), "not-allowed")
        return self.open_epoch(r["list"], Keys(s, private, [batch_of(r["prekeys"])]), r["unread"], cuts)

    def open_epoch(self, new, keys, unread, cuts):
        fresh = not self.keys
        dropped = self.drop()
        self.list, self.keys = new, keys
        for d in list(self.channels.sessions):
            if not status_of(new, d):
                del self.channels.sessions[d]
                self.prekeys.pop(d, None)
                self.prepared.pop(d, None)
        self.due = [x for x in self.due if x[1] in (ACK, READY) and status_of(new, x[0])]
        events = [event("rotated", device=new["leader"]), *dropped]
        cut = {c["peer"]: (c["seq"], c["head"]) for c in cuts if c["peer"] != self.account}
        for p in sorted({*self.talks, *cut}):
            t, at = self.talk(p), cut.get(p, (0, first_head(self.account, p)))
            n = self.talks[p] = Talk(self.account, p, t.seq, t.head, t.statement, t.prekey_id, unread=t.unread, told=t.told, tip=t.tip)
            if not t.frozen and (t.seq > at[0] or t.seq == at[0] and t.head != at[1]):
                events += self.freeze(n, n.place())
                continue
            if at[0] > t.seq and not fresh:
                n.missed([(t.seq + 1, at[0])])
            n.unread = minus(n.unread, [(at[0] + 1, 2**64)])
            n.seq, n.head, n.tip = *at, at
            if fresh:
                n.told = union([(1, at[0])] if at[0] else [])
            n.places = [n.place()] if n.seq else []
            self.forget(n)
        for u in unread if fresh else []:
            t = self.talk(u["peer"])
            t.unread = minus(runs_of(u["ranges"]), [(t.seq + 1, 2**64)])
        return events


# 9 The post office


class Office:
    def __init__(self, now):
        self.now, self.accounts, self.logs = now, {}, {}

    def announce(self, account, device, number):
        a = self.accounts.get(account)
        require(a and status_of(a["list"], device), "not-allowed")
        before = self.highest(a, device)
        a["announced"][device] = max(before, number)
        return before

    def highest(self, a, device):
        return max(a["commits"].get(device, 0), a["announced"].get(device, 0))

    def append(self, commit):
        m = decode(10, commit)
        if m["kind"] == REGISTER:
            return self.register(m)
        a = self.accounts.get(m["account"])
        require(a and status_of(a["list"], m["device"]), "not-allowed")
        require(m["number"] > a["commits"].get(m["device"], 0) and m["number"] >= a["announced"].get(m["device"], 0), "duplicate")
        a["commits"][m["device"]] = m["number"]
        require(m["epoch"] == a["list"]["epoch"], "stale-epoch")
        require(m["kind"] == RECORDS or status_of(a["list"], m["device"]) == ACTIVE, "not-allowed")
        {ROTATION: self.rotate, ENTRY: self.entry, PUBLISH: self.publish, RECORDS: self.records}[m["kind"]](a, m)

    def fits(self, m):
        r, s, p = m["list"], m["statement"], m["publication"]
        require(r["account"] == s["account"] == m["account"] and s["epoch"] == r["epoch"], "malformed")
        require(p["signed_prekey_id"] == 1 and p["first_one_time_prekey_id"] == 1, "malformed")
        verify(6, r)
        verify(5, s)
        verify_prekey(s["ambassador_key"], p["signed_prekey"], p["prekey_signature"])

    def register(self, m):
        require(m["account"] not in self.accounts, "duplicate")
        r = m["list"]
        require(r["epoch"] == m["epoch"] and m["number"] == 1 and len(r["devices"]) == 1 and r["leader"] == m["device"]
                and not m["parcels"] and not m["introductions"], "malformed")
        self.fits(m)
        a = self.accounts[m["account"]] = {"commits": {m["device"]: 1}, "announced": {}, "boxes": {}}
        self.open(a, m)
        self.deliver(a, m)

    def open(self, a, m):
        a |= {"list": m["list"], "statement": m["statement"], "batches": [], "used": set()}
        self.serve(a, m["publication"])
        a["boxes"] = {d: b for d, b in a["boxes"].items() if status_of(m["list"], d)}

    def serve(self, a, p):
        a["publication"], a["unused"] = p, list(range(BATCH))
        a["batches"] = [*a["batches"], (p["signed_prekey_id"], p["first_one_time_prekey_id"])][-2:]

    def rotate(self, a, m):
        old, new = a["list"], m["list"]
        require(m["device"] == old["leader"] == new["leader"], "not-allowed")
        require(new["epoch"] > old["epoch"], "stale-epoch")
        self.fits(m)
        added = [d["device"] for d in new["devices"] if not status_of(old, d["device"])]
        stay = [d for d in others(new, m["device"]) if d not in added] if added else []
        require([p["device"] for p in m["parcels"]] == others(new, m["device"]) and len(added) <= 1
                and [p["device"] for p in m["introductions"]] == stay, "wrong-devices")
        logs = [log for log in self.logs.values() if m["account"] in log["accounts"] and log["seq"]]
        cuts = [{"peer": next(iter(log["accounts"] - {m["account"]})), "seq": log["seq"], "head": log["head"]} for log in logs]
        self.open(a, m)
        self.deliver(a, m, added, sorted(cuts, key=lambda c: c["peer"]))

    def entry(self, a, m):
        e = parse_entry(m["entry"])
        require(e["sender"] == m["account"] and e["sender_epoch"] == m["epoch"], "not-allowed")
        peer = self.accounts.get(e["recipient"])
        require(peer, "not-ready")
        require(e["recipient_epoch"] == peer["list"]["epoch"], "stale-epoch")
        self.to_siblings(a, m)
        if e["type"] == 4:
            i = e["one_time_prekey_id"]
            require(any(e["signed_prekey_id"] == n for n, _ in peer["batches"]), "unknown-prekey")
            require(not i or i not in peer["used"] and any(0 <= i - first < BATCH for _, first in peer["batches"]), "unknown-prekey")
        first = first_head(e["sender"], e["recipient"])
        log = self.logs.setdefault(first, {"accounts": {e["sender"], e["recipient"]}, "seq": 0, "head": first, "before": {}, "from": None,
                                           "queue": [], "joined": {}})
        self.expire(log)
        place, queue = (e["seq"], e["previous"]), log["queue"]
        kept = bool(queue) and queue[0][0] == e["recipient"]
        if kept or place != (log["seq"] + 1, log["head"]):
            if place == (log["seq"] + 1, log["head"]) or log["from"] == e["recipient"] and log["before"].get(e["seq"]) == e["previous"]:
                self.join(log, e["sender"], e["seq"])
            raise Refused("conflict")
        log["queue"] = [x for x in queue if x[0] != e["sender"]]
        self.expire(log, self.now())
        if e["type"] == 4 and e["one_time_prekey_id"]:
            peer["used"].add(e["one_time_prekey_id"])
        before = {**(log["before"] if log["from"] == e["sender"] else {}), e["seq"]: log["head"]}  # of all places since the other account's last one
        log |= {"seq": e["seq"], "head": next_head(log["head"], m["entry"]), "before": before, "from": e["sender"]}
        self.deliver(a, m)
        for d in peer["list"]["devices"]:
            if d["status"] == ACTIVE:
                self.put(peer, d["device"], device=ZERO, number=0, parcels=[], cuts=[], entry=m["entry"])

    def join(self, log, account, seq):
        """An account joins the queue of a log, once for each place."""
        if all(x[0] != account for x in log["queue"]) and log["joined"].get(account, 0) < seq:
            log["joined"][account] = seq
            log["queue"].append([account, None])
            self.expire(log, self.now())

    def expire(self, log, since=None):
        """Who came to be the first of a queue leaves it after a while; `since` is when the first one came to be it, if he just did."""
        while log["queue"]:
            first = log["queue"][0]
            if first[1] is None:
                first[1] = since
            if self.now() - first[1] < KEPT:
                return
            since = first[1] + KEPT
            log["queue"].pop(0)

    def to_siblings(self, a, m):
        require([p["device"] for p in m["parcels"]] == others(a["list"], m["device"], ACTIVE), "wrong-devices")

    def publish(self, a, m):
        self.to_siblings(a, m)
        p, last = m["publication"], a["publication"]
        verify_prekey(a["statement"]["ambassador_key"], p["signed_prekey"], p["prekey_signature"])
        require((p["signed_prekey_id"], p["first_one_time_prekey_id"]) == (last["signed_prekey_id"] + 1, last["first_one_time_prekey_id"] + BATCH), "conflict")
        self.serve(a, p)
        self.deliver(a, m)

    def records(self, a, m):
        require(m["parcels"] and all(p["device"] != m["device"] and status_of(a["list"], p["device"]) for p in m["parcels"]), "wrong-devices")
        self.deliver(a, m)

    def deliver(self, a, m, added=(), cuts=()):
        for d in a["list"]["devices"]:
            parcels = [parcel(m["device"], p["body"]) for p in m["parcels"] if p["device"] == d["device"]]
            parcels += [parcel(x, p["body"]) for x in added for p in m["introductions"] if p["device"] == d["device"]]
            entry = m.get("entry", b"") if d["status"] == ACTIVE else b""
            if d["device"] == m["device"] or parcels or entry:
                self.put(a, d["device"], device=m["device"], number=m["number"], parcels=parcels,
                         cuts=list(cuts) if d["status"] == ACTIVE else [], entry=entry)

    def put(self, a, to, **mail):
        box = a["boxes"].setdefault(to, [])
        box.append(encode(13, make(13, position=len(box) + 1, **mail)))

    def bundle(self, account):
        a = self.accounts.get(account)
        require(a, "not-ready")
        p, n, key = a["publication"], 0, ZERO
        if a["unused"]:
            i = a["unused"].pop(0)
            n, key = p["first_one_time_prekey_id"] + i, p[f"one_time_prekeys[{i}]"]
        return encode(7, make(7, statement=a["statement"], signed_prekey_id=p["signed_prekey_id"], signed_prekey=p["signed_prekey"],
                              prekey_signature=p["prekey_signature"], one_time_prekey_id=n, one_time_prekey=key))

    def fetch(self, account, device, position):
        a = self.accounts.get(account)
        require(a and status_of(a["list"], device), "not-allowed")
        a["commits"][device] = self.highest(a, device)
        return a["boxes"].get(device, [])[max(position, 1) - 1:], a["commits"][device], len(a["unused"])
