"""Conformance shim (docs/shim-protocol.md, version 1) for Syndace's X3DH, DoubleRatchet, XEdDSA and twomemo.

    python shim.py --set ambassador-v1|omemo-2
"""
import argparse, asyncio, hashlib, json, secrets, struct, sys, warnings
from collections import namedtuple
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
import doubleratchet as dr
from doubleratchet.recommended import HashFunction, diffie_hellman_ratchet_curve25519 as dh, kdf_hkdf, kdf_separate_hmacs
from doubleratchet.recommended.crypto_provider_impl import CryptoProviderImpl
import twomemo.twomemo as tm
import x3dh, xeddsa
from x3dh.identity_key_pair import IdentityKeyPairPriv, IdentityKeyPairSeed

warnings.simplefilter("ignore")

class Failure(Exception):
    """An answer of the shim itself, not of a library: code, message and perhaps class."""

# What the libraries raise to refuse an input, with its class only where the type leaves no doubt. ValueError is what they
# and cryptography's X25519 use for wrong sizes, unparsable messages and low-order ratchet keys.
REFUSALS = {
    dr.AuthenticationFailedException: "authentication", dr.DoSProtectionException: "skip-limit",
    dr.DuplicateMessageException: "duplicate", dr.ChainNotAvailableException: "not-ready",
    dr.DecryptionFailedException: None, x3dh.KeyAgreementException: None, xeddsa.XEdDSAException: None, ValueError: None,
}

# --- injected randomness: taken instead of fresh bytes, void when the operation ends ---

INJECTED = {}  # 32: X25519 keys of the X3DH library, 64: Z, "ratchet": ratchet keys
system_token_bytes, system_generate_priv = secrets.token_bytes, dh.DiffieHellmanRatchet._generate_priv

def inject(kind, *values):
    INJECTED[kind] = [value for value in values if value is not None]

def draw(kind, fresh):
    return INJECTED[kind].pop(0) if INJECTED.get(kind) else fresh()

secrets.token_bytes = lambda n=None: draw(n, lambda: system_token_bytes(n))

class Ratchet(dh.DiffieHellmanRatchet):
    _generate_priv = staticmethod(lambda: draw("ratchet", system_generate_priv))

# --- the two modes ---

Exchange = namedtuple("Exchange", "identity ephemeral spk_id opk_id")  # what initial messages carry; opk_id 0: none

class AmbRootKDF(kdf_hkdf.KDF):
    _get_hash_function = staticmethod(lambda: HashFunction.SHA_256)
    _get_info = staticmethod(lambda: b"ambassador-v1 root")

class AmbMessageKDF(kdf_separate_hmacs.KDF):
    _get_hash_function = staticmethod(lambda: HashFunction.SHA_256)

async def amb_cipher(message_key):
    okm = await CryptoProviderImpl.hkdf_derive(HashFunction.SHA_256, 44, bytes(32), b"ambassador-v1 message", message_key)
    return ChaCha20Poly1305(okm[:32]), okm[32:]

class AmbAEAD(dr.AEAD):
    @staticmethod
    async def encrypt(plaintext, key, associated_data):
        cipher, nonce = await amb_cipher(key)
        return cipher.encrypt(nonce, plaintext, associated_data)

    @staticmethod
    async def decrypt(ciphertext, key, associated_data):
        cipher, nonce = await amb_cipher(key)
        try:
            return cipher.decrypt(nonce, ciphertext, associated_data)
        except InvalidTag as e:
            raise dr.AuthenticationFailedException("The tag differs.") from e

def amb_header(header):
    counters = struct.pack(">II", header.previous_sending_chain_length, header.sending_chain_length)
    return b"\x01\x02" + header.ratchet_pub + counters

def amb_parse(data, prefix, form, least):
    if len(data) < least or data[:2] != prefix:
        raise Failure("rejected", "too short, or another version or type", "malformed")
    end = 2 + struct.calcsize(form)
    return struct.unpack(form, data[2:end]), data[end:]

class AmbDoubleRatchet(dr.DoubleRatchet):
    _build_associated_data = staticmethod(lambda associated_data, header: associated_data + amb_header(header))

class AmbState(x3dh.BaseState):  # the encoding serves for the signature only; the shim composes the AD
    _encode_public_key = staticmethod(lambda key_format, pub: b"ambassador-v1 signed prekey" + pub)

class Ambassador:
    SET, NAME, PACKAGES = "ambassador-v1", "python-x3dh and python-doubleratchet", ("DoubleRatchet", "X3DH", "XEdDSA")
    RATCHET, STATE, OPK_REQUIRED = AmbDoubleRatchet, AmbState, False
    X3DH = x3dh.IdentityKeyFormat.CURVE_25519, x3dh.HashFunction.SHA_256, b"ambassador-v1 X3DH"
    CONFIG = dict(
        diffie_hellman_ratchet_class=Ratchet, root_chain_kdf=AmbRootKDF, message_chain_kdf=AmbMessageKDF,
        message_chain_constant=b"\x02\x01", dos_protection_threshold=1000, max_num_skipped_message_keys=2000, aead=AmbAEAD)
    sign_key = staticmethod(lambda priv: xeddsa.priv_force_sign(priv, False))
    verify_key = staticmethod(lambda pub: xeddsa.curve25519_pub_to_ed25519_pub(pub, False))
    associated_data = staticmethod(lambda library_ad, h, responder: b"".join((
        b"ambassador-v1", h.identity_key, responder, h.ephemeral_key, h.signed_pre_key, h.pre_key or b"")))
    pack_message = staticmethod(lambda message: amb_header(message.header) + message.ciphertext)
    pack_initial = staticmethod(lambda exchange, message: b"\x01\x01" + struct.pack(">32s32sII", *exchange) + message)
    same_session = staticmethod(lambda a, b: a[:2] == b[:2])

    @staticmethod
    def parse_message(data):
        fields, ciphertext = amb_parse(data, b"\x01\x02", ">32sII", 58)
        return dr.EncryptedMessage(dr.Header(*fields), ciphertext)

    @staticmethod
    def parse_initial(data):
        fields, message = amb_parse(data, b"\x01\x01", ">32s32sII", 74)
        return Exchange(*fields), message

def key_exchange(e):
    return tm.KeyExchangeImpl(x3dh.Header(e.identity, e.ephemeral, b"", b""), e.spk_id, e.opk_id)

class Omemo:
    SET, NAME, PACKAGES = "omemo-2", "python-twomemo", ("Twomemo", "DoubleRatchet", "X3DH", "XEdDSA")
    RATCHET, STATE, OPK_REQUIRED = tm.DoubleRatchetImpl, tm.StateImpl, True
    X3DH = x3dh.IdentityKeyFormat.ED_25519, x3dh.HashFunction.SHA_256, tm.StateImpl.INFO
    CONFIG = dict(  # as twomemo.Twomemo has it, with the defaults of its constructor
        diffie_hellman_ratchet_class=Ratchet, root_chain_kdf=tm.RootChainKDFImpl, message_chain_kdf=tm.MessageChainKDFImpl,
        message_chain_constant=tm.DoubleRatchetImpl.MESSAGE_CHAIN_CONSTANT, dos_protection_threshold=1000,
        max_num_skipped_message_keys=1000, aead=tm.AEADImpl)
    sign_key = verify_key = staticmethod(lambda key: key)
    associated_data = staticmethod(lambda library_ad, header, responder: library_ad)
    pack_message = staticmethod(lambda message: tm.EncryptedKeyMaterialImpl("", 0, message).serialize())
    parse_message = staticmethod(lambda data: tm.EncryptedKeyMaterialImpl.parse(data, "", 0).encrypted_message)
    pack_initial = staticmethod(lambda exchange, message: key_exchange(exchange).serialize(message))
    same_session = staticmethod(lambda a, b: key_exchange(a).builds_same_session(key_exchange(b)))

    @staticmethod
    def parse_initial(data):
        k, message = tm.KeyExchangeImpl.parse(data)
        return Exchange(k.header.identity_key, k.header.ephemeral_key, k.signed_pre_key_id, k.pre_key_id), message

# --- parties, sessions, parameters ---

@dataclass
class Session:
    role: str
    ad: bytes
    start: Any                # what the library will need to make the ratchet with the first message sent or arriving
    own: Any = None           # the initiator's injected ratchet key, until then
    exchange: Any = None      # of a session that session.start has not made
    confirmed: bool = False   # has read a message
    ratchet: Any = None

    async def encrypt(self, plaintext):
        if self.ratchet is not None:
            return mode.pack_message(await self.ratchet.encrypt_message(plaintext, self.ad))
        if self.role == "responder":
            raise Failure("rejected", "the library has no responder before the first message", "not-ready")
        if self.own is not None:
            inject("ratchet", self.own)
        self.ratchet, message = await mode.RATCHET.encrypt_initial_message(
            **mode.CONFIG, **self.start, message=plaintext, associated_data=self.ad)
        self.start = self.own = None
        return mode.pack_message(message)

    async def decrypt(self, data):
        message = mode.parse_message(data)
        if self.ratchet is not None:
            plaintext = await self.ratchet.decrypt_message(message, self.ad)
        elif self.role == "initiator":
            raise Failure("rejected", "the library has no initiator before her first message", "not-ready")
        else:
            self.ratchet, plaintext = await mode.RATCHET.decrypt_initial_message(
                **mode.CONFIG, **self.start, message=message, associated_data=self.ad)
        self.start, self.confirmed = None, True
        return plaintext

@dataclass
class Party:
    state: Any = None                            # of x3dh; none if session.start made the party
    spk_id: Any = None
    opks: dict = field(default_factory=dict)     # id -> public key
    sessions: dict = field(default_factory=dict)

mode, parties = None, {}

class Params(dict):
    def __missing__(self, key):
        raise Failure("invalid-request", f"missing parameter {key}")

    def bytes(self, key):
        try:
            return bytes.fromhex(self[key])
        except (TypeError, ValueError) as e:
            raise Failure("invalid-request", f"{key} is not hexadecimal") from e

    def maybe(self, key):
        return self.bytes(key) if key in self else None

    def party(self):
        if self["party"] not in parties:
            raise Failure("invalid-request", "unknown party")
        return parties[self["party"]]

    def session(self):
        if self["peer"] not in self.party().sessions:
            raise Failure("rejected", "no session with this peer", "not-ready")
        return self.party().sessions[self["peer"]]

# --- operations ---

async def op_hello(p):
    return {"protocol": 1, "name": mode.NAME, "version": ", ".join(f"{name} {version(name)}" for name in mode.PACKAGES),
            "language": "Python", "profiles": ["xeddsa", "x3dh", "ratchet"], "parameter_sets": [mode.SET],
            "operations": list(OPERATIONS), "injects": True}

async def op_reset(p):
    parties.clear()
    return {}

async def op_xeddsa_sign(p):
    key = mode.sign_key(p.bytes("private_key"))
    return {"signature": xeddsa.ed25519_priv_sign(key, p.bytes("message"), p.maybe("random"))}

async def op_xeddsa_verify(p):
    if not xeddsa.ed25519_verify(p.bytes("signature"), mode.verify_key(p.bytes("public_key")), p.bytes("message")):
        raise Failure("rejected", "the library does not verify the signature")
    return {}

async def agree(state, p):
    """X3DH as initiator: shared secret, associated data, the library's header."""
    bundle = Params(p["bundle"])
    for key in {"identity", "signed_prekey", "signature"} - bundle.keys():  # the library's Bundle cannot be without
        raise Failure("rejected", f"the bundle has no {key}", "incomplete-bundle")
    keys = x3dh.Bundle(bundle.bytes("identity"), bundle.bytes("signed_prekey"), bundle.bytes("signature"),
                       frozenset([bundle.bytes("one_time_prekey")] if "one_time_prekey" in bundle else []))
    inject(32, p.maybe("ephemeral_private"))
    secret, ad, header = await state.get_shared_secret_active(keys, require_pre_key=mode.OPK_REQUIRED)
    return secret, mode.associated_data(ad, header, keys.identity_key), header

async def answer(state, *keys):
    """X3DH as responder, with IK_A, EK_A, SPK_B, OPK_B: shared secret, associated data, the pair of the signed prekey."""
    secret, ad, spk = await state.get_shared_secret_passive(x3dh.Header(*keys), require_pre_key=mode.OPK_REQUIRED)
    return secret, mode.associated_data(ad, x3dh.Header(*keys), state.bundle.identity_key), spk

async def op_x3dh_initiate(p):
    state = mode.STATE.create(*mode.X3DH, IdentityKeyPairPriv(p.bytes("identity_private")))
    secret, ad, header = await agree(state, p)
    return {"shared_secret": secret, "associated_data": ad, "ephemeral_key": header.ephemeral_key}

async def op_x3dh_respond(p):
    state = mode.STATE.from_model(x3dh.BaseStateModel(
        identity_key=IdentityKeyPairPriv(p.bytes("identity_private")).model, old_signed_pre_key=None,
        signed_pre_key=x3dh.SignedPreKeyPairModel(priv=p.bytes("signed_prekey_private"), sig=b"", timestamp=0),
        pre_keys={p.maybe("one_time_prekey_private")} - {None}), *mode.X3DH)
    opk = next(iter(state.bundle.pre_keys), None)
    secret, ad, _ = await answer(
        state, p.bytes("initiator_identity"), p.bytes("ephemeral_key"), state.bundle.signed_pre_key, opk)
    return {"shared_secret": secret, "associated_data": ad}

async def op_ratchet_root(p):
    chain = dr.KDFChain.create(mode.CONFIG["root_chain_kdf"], p.bytes("root_key"))
    shared = Ratchet._perform_diffie_hellman(p.bytes("ratchet_private"), p.bytes("ratchet_public"))
    chain_key = await chain.step(shared, 32)
    return {"root_key": chain.model.key, "chain_key": chain_key}

async def message_chain(p, steps):
    chain = dr.KDFChain.create(mode.CONFIG["message_chain_kdf"], p.bytes("chain_key"))
    keys = [await chain.step(mode.CONFIG["message_chain_constant"], 32) for _ in range(steps)]
    return chain.model.key, b"".join(keys)

async def op_ratchet_chain(p):
    return dict(zip(("chain_key", "message_key"), await message_chain(p, 1)))

async def op_ratchet_accumulate(p):
    chain_key, message_keys = await message_chain(p, p["steps"])
    return {"chain_key": chain_key, "digest": hashlib.sha256(message_keys).digest()}

async def op_ratchet_seal(p):
    header = dr.Header(p.bytes("ratchet_key"), p.get("previous_length", 0), p.get("number", 0))
    ad = mode.RATCHET._build_associated_data(p.bytes("associated_data"), header)
    ciphertext = await mode.CONFIG["aead"].encrypt(p.maybe("plaintext") or b"", p.bytes("message_key"), ad)
    return {"message": mode.pack_message(dr.EncryptedMessage(header, ciphertext))}

async def op_ratchet_open(p):
    message = mode.parse_message(p.bytes("message"))
    ad = mode.RATCHET._build_associated_data(p.bytes("associated_data"), message.header)
    return {"plaintext": await mode.CONFIG["aead"].decrypt(message.ciphertext, p.bytes("message_key"), ad)}

async def op_party_new(p):
    identity = p.maybe("identity_private")
    identity = IdentityKeyPairPriv(identity) if identity is not None else IdentityKeyPairSeed(secrets.token_bytes(32))
    inject(32, p.maybe("signed_prekey_private"))
    inject(64, p.maybe("random"))
    party = Party(mode.STATE.create(*mode.X3DH, identity), p.get("signed_prekey_id", 1))
    privates = [bytes.fromhex(key) for key in p.get("one_time_prekey_privates", [])]
    inject(32, *privates)
    keys = party.state.bundle
    for number in range(1, 1 + (len(privates) or p.get("one_time_prekey_count", 0))):  # singly: the library has a set
        party.state.generate_pre_keys(1)
        party.opks[number], = party.state.bundle.pre_keys.difference(party.opks.values())
    parties[p["party"]] = party
    bundle = {"identity": keys.identity_key, "signed_prekey": keys.signed_pre_key, "signed_prekey_id": party.spk_id,
              "signature": keys.signed_pre_key_sig}
    return {"bundle": {**bundle, "one_time_prekey": party.opks[1], "one_time_prekey_id": 1} if party.opks else bundle}

async def op_session_initiate(p):
    party, bundle = p.party(), Params(p["bundle"])
    secret, ad, header = await agree(party.state, p)
    opk_id = 0 if header.pre_key is None else bundle["one_time_prekey_id"]
    exchange = Exchange(header.identity_key, header.ephemeral_key, bundle["signed_prekey_id"], opk_id)
    start = {"shared_secret": secret, "recipient_ratchet_pub": header.signed_pre_key}
    party.sessions[p["peer"]] = Session("initiator", ad, start, p.maybe("ratchet_private"), exchange)
    return {}

async def op_session_respond(p):
    party = p.party()
    exchange, message = mode.parse_initial(Params(p["envelope"]).bytes("body"))
    opk = party.opks.get(exchange.opk_id)
    if exchange.spk_id != party.spk_id or opk is None and (exchange.opk_id or mode.OPK_REQUIRED):
        raise Failure("rejected", "no such prekey in the store", "unknown-prekey")
    secret, ad, spk = await answer(
        party.state, exchange.identity, exchange.ephemeral, party.state.bundle.signed_pre_key, opk)
    start = {"shared_secret": secret, "own_ratchet_priv": spk.priv}
    session = Session("responder", ad, start, exchange=exchange)
    inject("ratchet", p.maybe("ratchet_private"))
    plaintext = await session.decrypt(message)
    if opk is not None:
        party.state.delete_pre_key(opk)
        del party.opks[exchange.opk_id]
    party.sessions[p["peer"]] = session
    return {"plaintext": plaintext}

async def op_session_start(p):
    initiates, start = p["role"] == "initiator", {"shared_secret": p.bytes("shared_secret")}
    start.update({"recipient_ratchet_pub": p.bytes("ratchet_public")} if initiates
                 else {"own_ratchet_priv": p.bytes("ratchet_private")})
    session = Session(p["role"], p.bytes("associated_data"), start, p.maybe("ratchet_private") if initiates else None)
    parties.setdefault(p["party"], Party()).sessions[p["peer"]] = session
    return {}

async def op_session_encrypt(p):
    session = p.session()
    inject("ratchet", p.maybe("ratchet_private"))
    body = await session.encrypt(p.maybe("plaintext") or b"")
    if session.role == "responder" or session.exchange is None or session.confirmed:
        return {"envelope": {"kind": "ratchet", "body": body}}
    return {"envelope": {"kind": "initial", "body": mode.pack_initial(session.exchange, body)}}

async def op_session_decrypt(p):
    session, body = p.session(), Params(p["envelope"]).bytes("body")
    if p["envelope"].get("kind") == "initial":
        exchange, body = mode.parse_initial(body)
        if session.role == "initiator" or not session.exchange or not mode.same_session(exchange, session.exchange):
            raise Failure("rejected", "an initial message of another session", "authentication")
    inject("ratchet", p.maybe("ratchet_private"))
    return {"plaintext": await session.decrypt(body)}

async def op_party_export(p):
    party = p.party()
    keys = party.state and {**party.state.json, "pre_keys": sorted(party.state.json["pre_keys"])}  # a set in the library
    sessions = {peer: {**vars(s), "ratchet": s.ratchet and s.ratchet.json} for peer, s in party.sessions.items()}
    state = {"keys": keys, "spk_id": party.spk_id, "opks": sorted(party.opks.items()), "sessions": sessions}
    return {"state": json.dumps(state, sort_keys=True, ensure_ascii=False, default=lambda v: {"$hex": v.hex()}).encode()}

async def op_party_import(p):
    if p["party"] in parties:
        raise Failure("invalid-request", "the party's name is in use")
    saved = json.loads(p.bytes("state"), object_hook=lambda v: bytes.fromhex(v["$hex"]) if "$hex" in v else v)
    state = saved["keys"] and mode.STATE.from_json(saved["keys"], *mode.X3DH)[0]
    sessions = {peer: Session(**session) for peer, session in saved["sessions"].items()}
    for session in sessions.values():
        session.exchange = session.exchange and Exchange(*session.exchange)
        session.ratchet = session.ratchet and mode.RATCHET.from_json(session.ratchet, **mode.CONFIG)
    parties[p["party"]] = Party(state, saved["spk_id"], dict(saved["opks"]), sessions)
    return {}

OPERATIONS = {name[3:].replace("_", ".", 1): f for name, f in list(globals().items()) if name.startswith("op_")}

async def handle(request):
    try:
        p = Params(request.get("params") or {})
        if request.get("op") not in OPERATIONS:
            raise Failure("unsupported", "unknown operation")
        if p.get("set", mode.SET) != mode.SET or p.get("cadence", "per-turn") != "per-turn":
            raise Failure("unsupported", f"only {mode.SET}, and only per-turn")
        return {"result": await OPERATIONS[request["op"]](p)}
    except Failure as e:
        return {"error": dict(zip(("code", "message", "class"), e.args))}
    except Exception as e:  # a class that is not in the table is not how the libraries refuse
        known = [REFUSALS[t] for t in type(e).__mro__ if t in REFUSALS]
        error = {"code": "rejected" if known else "internal", "message": f"{type(e).__name__}: {e}"}
        return {"error": {**error, "class": known[0]} if known and known[0] else error}
    finally:
        INJECTED.clear()

async def main():
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **await handle(request)}, default=bytes.hex), flush=True)

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--set", required=True, choices=[Ambassador.SET, Omemo.SET])
    mode = Omemo if arguments.parse_args().set == Omemo.SET else Ambassador
    asyncio.run(main())
