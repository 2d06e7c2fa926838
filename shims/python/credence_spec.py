"""SPEC.md, chapters 1 to 6, once more: written from the text, in another language, on other primitives.

It shares no code with the reference. What both give is what the text says, and not one program's opinion of it.
"""
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass, field, replace
from typing import Optional

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493


class Refused(Exception):
    """A refusal with its class (1.2)."""

    def __init__(self, cls, message=""):
        super().__init__(message or cls)
        self.cls = cls


# 2.1 X25519 keys


def clamp(b):
    k = bytearray(b)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    return bytes(k)


def dh(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as e:
        raise Refused("low-order-key") from e


def pub(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


# 2.2 Key derivation


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, ikm, info, length):
    prk, out, block = hmac256(salt, ikm), b"", b""
    while len(out) < length:
        block = hmac256(prk, block + info + bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


def kdf_ck(ck):
    return hmac256(ck, b"\x02"), hmac256(ck, b"\x01")


# 2.4 The parameter sets


@dataclass(frozen=True)
class Set:
    name: str
    prefix: bytes
    f: bytes
    info_agreement: bytes
    output: int
    signature: Optional[str]
    label: bytes
    opk_required: bool
    info_root: bytes
    info_message: bytes
    start: str
    lazy: bool
    closes: bool
    pn: str
    max_skip: int
    max_stored: int
    per_chain: bool
    max_chains: int
    tag: int
    max_sessions: int
    archive_chains: int

    def kdf_rk(self, rk, out):
        k = hkdf(rk, out, self.info_root, 64)
        return k[:32], k[32:]

    def decode(self, wire):
        if len(wire) != 32 + len(self.prefix) or not wire.startswith(self.prefix):
            raise Refused("malformed", "public key")
        u = wire[len(self.prefix):]
        if self.name == "ambassador-v1" and int.from_bytes(u, "little") >= P:
            raise Refused("non-canonical-key")
        return u


FF = b"\xff" * 32
SETS = {s.name: s for s in (
    Set("ambassador-v1", b"", FF, b"ambassador-v1 X3DH", 32, "strict", b"ambassador-v1 signed prekey", False, b"ambassador-v1 root",
        b"ambassador-v1 message", "specification", True, True, "length", 1000, 2000, False, 5, 16, 5, 5),
    Set("signal-v3", b"\x05", FF, b"WhisperText", 64, "sign-bit", b"", False, b"WhisperRatchet", b"WhisperMessageKeys", "whisper",
        False, False, "minus-one", 2000, 2000, True, 5, 8, 41, 0),
    Set("olm-v1", b"", b"", b"OLM_ROOT", 64, None, b"", True, b"OLM_RATCHET", b"OLM_KEYS", "olm", True, False, "absent", 2000, 40, True, 5, 8, 4, 0),
    Set("omemo-2", b"", FF, b"OMEMO X3DH", 32, "ed25519", b"", True, b"OMEMO Root Chain", b"OMEMO Message Key Material", "specification",
        False, True, "length", 1000, 1000, False, 0, 16, 5, 0),
)}

# 3 XEdDSA, on affine points of the twisted Edwards curve

D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def mul(n, point):
    result = IDENTITY
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def encode_point(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode_point(b):
    y, sign = int.from_bytes(b, "little") & (1 << 255) - 1, b[31] >> 7
    y %= P
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P:
        return None
    return (P - x if x & 1 != sign else x) % P, y


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
LOW_ORDER = {0, 1, P - 1, int.from_bytes(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little"),
             int.from_bytes(bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little")}


def u_of(b):
    return (int.from_bytes(b, "little") & (1 << 255) - 1) % P


def sha_scalar(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % Q


def sign(mode, k, message, z):
    k = clamp(k)
    a, nonce_key = int.from_bytes(k, "little"), k
    encoded = encode_point(mul(a % Q, BASE))
    bit = encoded[31] & 0x80
    if mode == "strict":
        encoded = encoded[:31] + bytes([encoded[31] & 0x7F])
        a = (-a if bit else a) % Q
        nonce_key = a.to_bytes(32, "little")
    r = sha_scalar(b"\xfe" + b"\xff" * 31, nonce_key, message, z)
    big_r = encode_point(mul(r, BASE))
    s = bytearray(((r + sha_scalar(big_r, encoded, message) * a) % Q).to_bytes(32, "little"))
    if mode == "sign-bit":
        s[31] |= bit
    return big_r + bytes(s)


def verify(mode, public, message, signature):
    if len(public) != 32:
        raise Refused("malformed")
    if len(signature) != 64:
        raise Refused("bad-signature")
    s_bytes = bytearray(signature[32:])
    if mode == "ed25519":
        encoded = public
    else:
        if mode == "strict" and int.from_bytes(public, "little") >= P:
            raise Refused("non-canonical-key")
        u = u_of(public)
        if u in LOW_ORDER:
            raise Refused("low-order-key")
        y = (u - 1) * pow(u + 1, -1, P) % P
        encoded = y.to_bytes(32, "little")
        if mode == "sign-bit":
            encoded = encoded[:31] + bytes([encoded[31] | s_bytes[31] & 0x80])
            s_bytes[31] &= 0x7F
    s, point = int.from_bytes(s_bytes, "little"), decode_point(encoded)
    if s >= Q or point is None:
        raise Refused("bad-signature")
    minus = (P - point[0]) % P, point[1]
    if encode_point(add(mul(s, BASE), mul(sha_scalar(signature[:32], encoded, message), minus))) != signature[:32]:
        raise Refused("bad-signature")


def ed_public(k):
    return encode_point(mul(int.from_bytes(clamp(k), "little") % Q, BASE))


def ed_to_u(encoded):
    point = decode_point(encoded) if len(encoded) == 32 else None
    if point is None:
        raise Refused("malformed", "Ed25519 key")
    u = (1 + point[1]) * pow((1 - point[1]) % P, P - 2, P) % P
    if u in LOW_ORDER:
        raise Refused("low-order-key")
    return u.to_bytes(32, "little")


# 4 X3DH


def encode_identity(st, k):
    return ed_public(k) if st.signature == "ed25519" else st.prefix + pub(k)


def decode_identity(st, wire):
    return ed_to_u(wire) if st.signature == "ed25519" else st.decode(wire)


def associated_data(st, ika, ikb, eka, spk, opk):
    if st.name == "olm-v1":
        return b""
    return b"ambassador-v1" + ika + ikb + eka + spk + opk if st.name == "ambassador-v1" else ika + ikb


def derive(st, *outputs):
    return hkdf(bytes(32), st.f + b"".join(outputs), st.info_agreement, st.output)


def initiate(st, ik, ek, b):
    identity, spk, opk = b.get("identity", b""), b.get("signed_prekey", b""), b.get("one_time_prekey", b"")
    missing = not identity or st.opk_required and not opk or st.signature and not (spk and b.get("signature"))
    if missing:
        raise Refused("incomplete-bundle")
    ikb = decode_identity(st, identity)
    start = st.decode(spk if st.signature else opk)
    opk_u = st.decode(opk) if st.signature and opk else None
    if st.signature:
        verify(st.signature, identity[len(st.prefix):], st.label + spk, b["signature"])
    outputs = [dh(ik, start), dh(ek, ikb), dh(ek, start)] + ([dh(ek, opk_u)] if opk_u else [])
    return derive(st, *outputs), associated_data(st, encode_identity(st, ik), identity, st.prefix + pub(ek), spk, opk)


def respond(st, ik, spk, opk, ika, eka):
    ika_u, eka_u = decode_identity(st, ika), st.decode(eka)
    outputs = [dh(spk, ika_u), dh(ik, eka_u), dh(spk, eka_u)] + ([dh(opk, eka_u)] if opk else [])
    ad = associated_data(st, ika, encode_identity(st, ik), eka, st.prefix + pub(spk), st.prefix + pub(opk) if opk else b"")
    return derive(st, *outputs), ad


# 5.6 Messages


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def proto(*fields):
    out = b""
    for number, value in fields:
        out += varint(number << 3) + varint(value) if isinstance(value, int) else varint(number << 3 | 2) + varint(len(value)) + value
    return out


def parse_proto(b):
    fields, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            if at >= len(b) or shift > 63:
                raise Refused("malformed", "varint")
            n, at, more = n | (b[at] & 127) << shift, at + 1, b[at] & 128
            shift += 7
            if not more:
                if n >= 1 << 64:
                    raise Refused("malformed", "varint")
                return n

    while at < len(b):
        tag = number()
        kind, key = tag & 7, tag >> 3
        if key == 0 or key >= 1 << 29:
            raise Refused("malformed", "tag")
        if kind == 0:
            fields[key, 0] = number()
        elif kind == 2:
            size = number()
            if at + size > len(b):
                raise Refused("malformed", "length")
            fields[key, 2], at = b[at:at + size], at + size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            if at > len(b):
                raise Refused("malformed", "length")
        else:
            raise Refused("malformed", "wire type")
    return fields


def numeric(fields, key, required=True):
    if (key, 0) not in fields:
        if required:
            raise Refused("malformed", f"field {key}")
        return 0
    if fields[key, 0] >= 1 << 32:
        raise Refused("malformed", f"field {key}")
    return fields[key, 0]


def string(fields, key):
    if (key, 2) not in fields:
        raise Refused("malformed", f"field {key}")
    return fields[key, 2]


def cbc_keys(st, mk):
    k = hkdf(bytes(32), mk, st.info_message, 80)
    return k[:32], k[32:64], k[64:]


def seal(st, mk, ad, key, pn, n, plaintext):
    if st.name == "ambassador-v1":
        k = hkdf(bytes(32), mk, st.info_message, 44)
        header = b"\x01\x02" + key + struct.pack(">II", pn, n)
        return header + ChaCha20Poly1305(k[:32]).encrypt(k[32:], plaintext, ad + header)
    enc, mac, iv = cbc_keys(st, mk)
    pad = 16 - len(plaintext) % 16
    e = Cipher(algorithms.AES(enc), modes.CBC(iv)).encryptor()
    ct = e.update(plaintext + bytes([pad]) * pad) + e.finalize()
    if st.name == "omemo-2":
        body = proto((1, n), (2, pn), (3, key), (4, ct))
        return proto((1, hmac256(mac, ad + body)[:16]), (2, body))
    if st.name == "signal-v3":
        body = b"\x33" + proto((1, b"\x05" + key), (2, n), (3, pn), (4, ct))
    else:
        body = b"\x03" + proto((1, key), (2, n), (4, ct))
    return body + hmac256(mac, ad + body)[:8]


@dataclass
class Message:
    key: bytes
    pn: int
    n: int
    body: bytes
    ct: bytes
    tag: bytes


def parse(st, m):
    if st.name == "ambassador-v1":
        if len(m) < 58 or m[:2] != b"\x01\x02":
            raise Refused("malformed")
        pn, n = struct.unpack(">II", m[34:42])
        return Message(st.decode(m[2:34]), pn, n, m[:42], m[42:], b"")
    if st.name == "omemo-2":
        outer = parse_proto(m)
        tag, body = string(outer, 1), string(outer, 2)
        if len(tag) != 16:
            raise Refused("malformed", "tag")
        f = parse_proto(body)
        n, pn, key, ct = numeric(f, 1), numeric(f, 2), string(f, 3), string(f, 4)
        return Message(st.decode(key), pn, n, body, ct, tag)
    if len(m) < 9 or m[0] != (0x33 if st.name == "signal-v3" else 0x03):
        raise Refused("malformed")
    body, tag = m[:-8], m[-8:]
    f = parse_proto(body[1:])
    key, n, ct = string(f, 1), numeric(f, 2), string(f, 4)
    pn = numeric(f, 3, required=False) if st.name == "signal-v3" else 0
    return Message(st.decode(key), pn, n, body, ct, tag)


def open_message(st, mk, ad, m):
    if st.name == "ambassador-v1":
        k = hkdf(bytes(32), mk, st.info_message, 44)
        try:
            return ChaCha20Poly1305(k[:32]).decrypt(k[32:], m.ct, ad + m.body)
        except Exception as e:
            raise Refused("authentication") from e
    enc, mac, iv = cbc_keys(st, mk)
    if not hmac.compare_digest(hmac256(mac, ad + m.body)[:st.tag], m.tag) or not m.ct or len(m.ct) % 16:
        raise Refused("authentication")
    d = Cipher(algorithms.AES(enc), modes.CBC(iv)).decryptor()
    padded = d.update(m.ct) + d.finalize()
    pad = padded[-1]
    if not 1 <= pad <= 16 or padded[-pad:] != bytes([pad]) * pad:
        raise Refused("authentication")
    return padded[:-pad]


# 5 The Double Ratchet


@dataclass
class Chain:
    dh: bytes
    ck: bytes
    n: int = 0
    skipped: tuple = ()

    def skip_to(self, n):
        keys = []
        while self.n < n:
            self.ck, mk = kdf_ck(self.ck)
            keys.append((self.n, mk))
            self.n += 1
        self.skipped += tuple(keys)


@dataclass
class State:
    set: Set
    role: int
    cadence: int
    ad: bytes
    rk: bytes
    dhs: bytes = b""
    dhr: bytes = b""
    cks: bytes = b""
    ns: int = 0
    pn: int = 0
    chains: list = field(default_factory=list)

    def copy(self):
        return replace(self, chains=[replace(c) for c in self.chains])

    def side(self, sending):
        half = len(self.ad) // 2
        swap = self.set.name == "signal-v3" and (self.role == 1) != sending
        return self.ad[half:] + self.ad[:half] if swap else self.ad

    def new_sending_chain(self, draw):
        self.dhs = draw()
        self.rk, self.cks = self.set.kdf_rk(self.rk, dh(self.dhs, self.dhr))
        self.pn, self.ns = self.ns, 0

    def encrypt(self, plaintext, draw):
        s = self.copy()
        if not s.cks or s.cadence == 2 and s.ns > 0:
            if not s.dhr:
                raise Refused("not-ready")
            s.new_sending_chain(draw)
        if s.ns >= 2**32 - 1:
            raise Refused("exhausted")
        pn = {"absent": 0, "length": s.pn, "minus-one": max(s.pn - 1, 0)}[s.set.pn]
        s.cks, mk = kdf_ck(s.cks)
        message = seal(s.set, mk, s.side(True), pub(s.dhs), pn, s.ns, plaintext)
        s.ns += 1
        return s, message

    def decrypt(self, message, draw):
        m, s = parse(self.set, message), self.copy()
        chain = next((c for c in s.chains if c.dh == m.key), None)
        if chain is None:
            if not s.dhs:
                raise Refused("not-ready")
            if s.set.closes and s.chains:
                newest = s.chains[-1]
                if 0 < m.pn - newest.n <= s.set.max_skip:
                    newest.skip_to(m.pn)
                newest.ck = b""
            s.rk, ck = s.set.kdf_rk(s.rk, dh(s.dhs, m.key))
            s.dhr, chain = m.key, Chain(m.key, ck)
            s.chains.append(chain)
            if s.set.lazy:
                s.cks = b""
            else:
                s.new_sending_chain(draw)
        if m.n < chain.n or not chain.ck:
            mk = next((k for n, k in chain.skipped if n == m.n), None)
            if mk is None:
                raise Refused("duplicate")
            chain.skipped = tuple(x for x in chain.skipped if x[0] != m.n)
        else:
            if m.n - chain.n > s.set.max_skip:
                raise Refused("skip-limit")
            chain.skip_to(m.n)
            chain.ck, mk = kdf_ck(chain.ck)
            chain.n += 1
        plaintext = open_message(s.set, mk, s.side(False), m)
        s.evict()
        return s, plaintext

    def evict(self):
        st = self.set
        if st.max_chains:
            self.chains = self.chains[-st.max_chains:]
        else:
            self.chains = [c for c in self.chains if c.ck or c.skipped]
        if st.per_chain:
            for c in self.chains:
                c.skipped = c.skipped[-st.max_stored:]
            return
        over = sum(len(c.skipped) for c in self.chains) - st.max_stored
        for c in self.chains:
            gone = max(0, min(over, len(c.skipped)))
            c.skipped, over = c.skipped[gone:], over - gone

    def marshal(self):
        def vec8(x):
            return bytes([len(x)]) + x

        out = vec8(self.set.name.encode()) + bytes([self.role, self.cadence]) + struct.pack(">H", len(self.ad)) + self.ad + self.rk
        out += vec8(self.dhs) + vec8(self.dhr) + vec8(self.cks) + struct.pack(">QQH", self.ns, self.pn, len(self.chains))
        for c in self.chains:
            out += c.dh + vec8(c.ck) + struct.pack(">QH", c.n, len(c.skipped))
            out += b"".join(struct.pack(">Q", n) + mk for n, mk in c.skipped)
        return out


def unmarshal(b):
    at = 0

    def take_bytes(n):
        nonlocal at
        if at + n > len(b):
            raise Refused("malformed", "state")
        at += n
        return b[at - n:at]

    def opt():
        x = take_bytes(take_bytes(1)[0])
        if len(x) not in (0, 32):
            raise Refused("malformed", "state")
        return x

    name = take_bytes(take_bytes(1)[0]).decode("latin-1")
    if name not in SETS:
        raise Refused("malformed", "state")
    role, cadence = take_bytes(2)
    ad = take_bytes(struct.unpack(">H", take_bytes(2))[0])
    s = State(SETS[name], role, cadence, ad, take_bytes(32), opt(), opt(), opt())
    s.ns, s.pn, count = struct.unpack(">QQH", take_bytes(18))
    for _ in range(count):
        c = Chain(take_bytes(32), opt())
        c.n, skipped = struct.unpack(">QH", take_bytes(10))
        c.skipped = tuple((struct.unpack(">Q", take_bytes(8))[0], take_bytes(32)) for _ in range(skipped))
        s.chains.append(c)
    if at != len(b) or role not in (1, 2) or cadence not in (1, 2) or s.cks and not s.dhs:
        raise Refused("malformed", "state")
    return s


def check_secret(st, secret):
    if len(secret) != st.output:
        raise Refused("malformed", "shared secret")


def start_initiator(st, secret, ad, t, spk, cadence):
    check_secret(st, secret)
    s = State(st, 1, cadence, ad, secret[:32], dhs=t)
    if st.start == "olm":
        s.cks = secret[32:]
        return s
    if st.start == "whisper":
        s.chains = [Chain(spk, secret[32:])]
    s.dhr = spk
    s.rk, s.cks = st.kdf_rk(s.rk, dh(t, spk))
    return s


def start_responder(st, secret, ad, spk, first, cadence):
    check_secret(st, secret)
    s = State(st, 2, cadence, ad, secret[:32])
    if st.start == "olm":
        s.chains, s.dhr = [Chain(first, secret[32:])], first
    else:
        s.dhs, s.cks = spk, secret[32:]
    return s


# 6.1 Initial messages


def encode_initial(st, w, message):
    if st.name == "signal-v3":
        opk = [(1, w["opk_id"])] if w["opk_id"] else []
        return b"\x33" + proto(*opk, (2, w["ek"]), (3, w["ik"]), (4, message), (5, w["registration"]), (6, w["spk_id"]))
    if st.name == "olm-v1":
        return b"\x03" + proto((1, w["opk"]), (2, w["ek"]), (3, w["ik"]), (4, message))
    if st.name == "omemo-2":
        return proto((1, w["opk_id"]), (2, w["spk_id"]), (3, w["ik"]), (4, w["ek"]), (5, message))
    return b"\x01\x01" + w["ik"] + w["ek"] + struct.pack(">II", w["spk_id"], w["opk_id"]) + message


def parse_initial(st, m):
    w = {"opk_id": 0, "spk_id": 0, "opk": b"", "registration": 0}
    if st.name == "ambassador-v1":
        if len(m) < 74 or m[:2] != b"\x01\x01":
            raise Refused("malformed")
        spk_id, opk_id = struct.unpack(">II", m[66:74])
        return {**w, "ik": m[2:34], "ek": m[34:66], "spk_id": spk_id, "opk_id": opk_id, "message": m[74:]}
    version = {"signal-v3": b"\x33", "olm-v1": b"\x03", "omemo-2": b""}[st.name]
    if not m.startswith(version) or version and not m:
        raise Refused("malformed")
    f = parse_proto(m[len(version):])
    if st.name == "signal-v3":
        return {**w, "opk_id": numeric(f, 1, False), "ek": string(f, 2), "ik": string(f, 3), "message": string(f, 4),
                "registration": numeric(f, 5, False), "spk_id": numeric(f, 6)}
    if st.name == "olm-v1":
        return {**w, "opk": string(f, 1), "ek": string(f, 2), "ik": string(f, 3), "message": string(f, 4)}
    return {**w, "opk_id": numeric(f, 1), "spk_id": numeric(f, 2), "ik": string(f, 3), "ek": string(f, 4), "message": string(f, 5)}


# 6 Sessions


@dataclass(eq=False)
class Session:
    state: State
    wrap: Optional[dict]  # the fields of its initial messages
    wrapping: bool
    elsewhere: int = 0  # receiving chains opened in others since it was used


class Party:
    """A party with its prekeys (4.3) and its sessions: peer -> sessions, the one used last first (6.2)."""

    def __init__(self, st, identity, spk, spk_id, z, opks, registration, cadence):
        self.set, self.identity, self.spk, self.spk_id, self.registration, self.cadence = st, identity, spk, spk_id, registration, cadence
        self.opks = dict(enumerate(opks, 1))
        self.signature = sign(st.signature, identity, st.label + st.prefix + pub(spk), z) if st.signature else b""
        self.accepted, self.sessions = [], {}

    def bundle(self):
        st, b = self.set, {"identity": encode_identity(self.set, self.identity)}
        if st.signature:
            b |= {"signed_prekey": st.prefix + pub(self.spk), "signed_prekey_id": self.spk_id, "signature": self.signature}
        if self.opks:
            first = min(self.opks)
            b |= {"one_time_prekey": st.prefix + pub(self.opks[first])} | ({"one_time_prekey_id": first} if st.signature else {})
        return b

    def held(self, peer):
        if peer not in self.sessions:
            raise Refused("not-ready", "no session")
        return self.sessions[peer]

    def used(self, peer, session, opened):
        """6.2: a session was started, or a message was read in it."""
        others = [s for s in self.sessions.get(peer, []) if s is not session]
        session.elsewhere = 0
        for s in others:
            s.elsewhere += opened
        limit = self.set.archive_chains
        self.sessions[peer] = [session, *(s for s in others if not limit or s.elsewhere < limit)][:self.set.max_sessions]

    def initiate(self, peer, b, ek, t):
        st = self.set
        secret, ad = initiate(st, self.identity, ek, b)
        spk = st.decode(b["signed_prekey"] if st.signature else b["one_time_prekey"])
        wrap = {"ik": encode_identity(st, self.identity), "ek": st.prefix + pub(ek), "spk_id": b.get("signed_prekey_id", 0),
                "opk_id": b.get("one_time_prekey_id", 0), "opk": b.get("one_time_prekey", b""), "registration": self.registration}
        self.used(peer, Session(start_initiator(st, secret, ad, t, spk, self.cadence), wrap, True), False)

    def respond(self, peer, body, draw):
        st, w = self.set, parse_initial(self.set, body)
        if st.signature:
            spk, opk_id = self.spk, w["opk_id"]
            if w["spk_id"] != self.spk_id or (opk_id or st.opk_required) and opk_id not in self.opks:
                raise Refused("unknown-prekey")
            opk = self.opks.get(opk_id)
        else:
            opk_id = next((i for i, k in self.opks.items() if pub(k) == w["opk"]), None)
            if opk_id is None:
                raise Refused("unknown-prekey")
            spk, opk = self.opks[opk_id], None
        secret, ad = respond(st, self.identity, spk, opk, w["ik"], w["ek"])
        digest = hmac256(secret, b"accepted")
        if digest in self.accepted:
            raise Refused("replay")
        state = start_responder(st, secret, ad, spk, parse(st, w["message"]).key, self.cadence)
        state, plaintext = state.decrypt(w["message"], draw)
        self.opks.pop(opk_id, None)
        if st.signature:
            self.accepted.append(digest)
        self.used(peer, Session(state, w, False), True)
        return plaintext

    def encrypt(self, peer, plaintext, draw):
        current = self.held(peer)[0]
        current.state, message = current.state.encrypt(plaintext, draw)
        return current.wrapping, encode_initial(self.set, current.wrap, message) if current.wrapping else message

    def decrypt(self, peer, initial, body, draw):
        sessions = self.held(peer)
        if initial:
            w = parse_initial(self.set, body)
            sessions = [s for s in sessions if not s.wrapping and s.wrap and (s.wrap["ik"], s.wrap["ek"]) == (w["ik"], w["ek"])]
            if not sessions:
                raise Refused("authentication", "another session")
            body = w["message"]
        drawn = []

        def once():
            if not drawn:
                drawn.append(draw())
            return drawn[0]

        refusal = None
        for s in sessions:
            try:
                state, plaintext = s.state.decrypt(body, once)
            except Refused as e:
                refusal = refusal or e
                continue
            opened = state.dhr != s.state.dhr
            s.state, s.wrapping = state, False
            self.used(peer, s, opened)
            return plaintext
        raise refusal


def fresh():
    return clamp(secrets.token_bytes(32))
