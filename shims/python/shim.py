"""The independent implementation of SPEC.md behind the shim protocol (docs/shim-protocol.md)."""
import hashlib
import json
import pickle
import secrets
import sys

import credence_spec as spec
from credence_spec import SETS, Party, Refused, State, fresh, kdf_ck, pub

parties = {}


class Unsupported(Exception):
    pass


class Invalid(Exception):
    pass


class Params:
    """The parameters of a request, as attributes; byte strings with hex."""

    def __init__(self, p):
        self.p = p

    def hex(self, name, default=b""):
        return bytes.fromhex(self.p[name]) if name in self.p else default

    def __getattr__(self, name):
        return self.p.get(name)

    @property
    def parameters(self):
        name = self.p["set"]
        if name not in SETS:
            raise Unsupported(name)
        return SETS[name]

    @property
    def cadence_number(self):
        return {None: 1, "per-turn": 1, "per-message": 2}[self.p.get("cadence")]

    @property
    def known_party(self):
        if self.p["party"] not in parties:
            raise Invalid("party is unknown")
        return parties[self.p["party"]]

    def draw(self):
        return self.hex("ratchet_private") or fresh()

    def bundle(self):
        return {k: v if isinstance(v, int) else bytes.fromhex(v) for k, v in self.p["bundle"].items()}


def public(b):
    return {k: v if isinstance(v, int) else v.hex() for k, v in b.items()}


def hello(p):
    return {"protocol": 1, "name": "SPEC.md in Python", "version": "0.1.0", "language": "Python", "profiles": ["xeddsa", "x3dh", "ratchet"],
            "parameter_sets": list(SETS), "operations": list(OPERATIONS), "injects": True, "cadences": ["per-turn", "per-message"]}


def reset(p):
    parties.clear()
    return {}


def signed(st):
    if not st.signature:
        raise Unsupported("no signatures")
    return st.signature


def xeddsa_sign(p):
    return {"signature": spec.sign(signed(p.parameters), p.hex("private_key"), p.hex("message"), p.hex("random") or secrets.token_bytes(64)).hex()}


def xeddsa_verify(p):
    st, key = p.parameters, p.hex("public_key")
    if not key.startswith(st.prefix):
        raise Refused("malformed")
    spec.verify(signed(st), key[len(st.prefix):], p.hex("message"), p.hex("signature"))
    return {}


def x3dh_initiate(p):
    st, ek = p.parameters, p.hex("ephemeral_private") or fresh()
    secret, ad = spec.initiate(st, p.hex("identity_private"), ek, p.bundle())
    return {"shared_secret": secret.hex(), "associated_data": ad.hex(), "ephemeral_key": (st.prefix + pub(ek)).hex()}


def x3dh_respond(p):
    spk, opk = p.hex("signed_prekey_private"), p.hex("one_time_prekey_private")
    if not p.parameters.signature:
        spk, opk = opk, b""
    secret, ad = spec.respond(p.parameters, p.hex("identity_private"), spk, opk, p.hex("initiator_identity"), p.hex("ephemeral_key"))
    return {"shared_secret": secret.hex(), "associated_data": ad.hex()}


def ratchet_root(p):
    st = p.parameters
    rk, ck = st.kdf_rk(p.hex("root_key"), spec.dh(p.hex("ratchet_private"), st.decode(p.hex("ratchet_public"))))
    return {"root_key": rk.hex(), "chain_key": ck.hex()}


def ratchet_chain(p):
    ck, mk = kdf_ck(p.hex("chain_key"))
    return {"chain_key": ck.hex(), "message_key": mk.hex()}


def ratchet_seal(p):
    st = p.parameters
    return {"message": spec.seal(st, p.hex("message_key"), p.hex("associated_data"), st.decode(p.hex("ratchet_key")),
                                 p.previous_length or 0, p.number or 0, p.hex("plaintext")).hex()}


def ratchet_open(p):
    st = p.parameters
    return {"plaintext": spec.open_message(st, p.hex("message_key"), p.hex("associated_data"), spec.parse(st, p.hex("message"))).hex()}


def ratchet_accumulate(p):
    ck, h = p.hex("chain_key"), hashlib.sha256()
    for _ in range(p.steps):
        ck, mk = kdf_ck(ck)
        h.update(mk)
    return {"chain_key": ck.hex(), "digest": h.hexdigest()}


def party_new(p):
    opks = [bytes.fromhex(k) for k in p.one_time_prekey_privates or []]
    opks += [fresh() for _ in range((p.one_time_prekey_count or 0) - len(opks))]
    parties[p.party] = Party(p.parameters, p.hex("identity_private") or fresh(), p.hex("signed_prekey_private") or fresh(), p.signed_prekey_id or 1,
                             p.hex("random") or secrets.token_bytes(64), opks, p.registration_id or 0, p.cadence_number)
    return {"bundle": public(parties[p.party].bundle())}


def party_export(p):
    return {"state": pickle.dumps(p.known_party).hex()}


def party_import(p):
    parties[p.party] = pickle.loads(p.hex("state"))
    return {}


def session_initiate(p):
    p.known_party.initiate(p.peer, p.bundle(), p.hex("ephemeral_private") or fresh(), p.draw())
    return {}


def session_respond(p):
    if p.envelope["kind"] != "initial":
        raise Invalid("kind")
    return {"plaintext": p.known_party.respond(p.peer, bytes.fromhex(p.envelope["body"]), p.draw).hex()}


def add_session(p, state):
    if p.party not in parties:
        party_new(p)
    parties[p.party].sessions[p.peer] = state, None, False
    return {}


def session_start(p):
    st, secret, ad = p.parameters, p.hex("shared_secret"), p.hex("associated_data")
    remote = st.decode(p.hex("ratchet_public")) if p.ratchet_public else b""
    if p.role == "initiator":
        return add_session(p, spec.start_initiator(st, secret, ad, p.draw(), remote, p.cadence_number))
    return add_session(p, spec.start_responder(st, secret, ad, p.hex("ratchet_private"), remote, p.cadence_number))


def session_load(p):
    state = spec.unmarshal(p.hex("state"))
    return add_session(p, state)


def session_encrypt(p):
    initial, body = p.known_party.encrypt(p.peer, p.hex("plaintext"), p.draw)
    return {"envelope": {"kind": "initial" if initial else "ratchet", "body": body.hex()}}


def session_decrypt(p):
    initial = p.envelope["kind"] == "initial"
    return {"plaintext": p.known_party.decrypt(p.peer, initial, bytes.fromhex(p.envelope["body"]), p.draw).hex()}


def session_digest(p):
    state: State = p.known_party.session(p.peer)[0]
    return {"digest": hashlib.sha256(state.marshal()).hexdigest()}


OPERATIONS = {f.__name__.replace("_", ".", 1): f for f in (
    hello, reset, xeddsa_sign, xeddsa_verify, x3dh_initiate, x3dh_respond, ratchet_root, ratchet_chain, ratchet_seal, ratchet_open,
    ratchet_accumulate, party_new, party_export, party_import, session_initiate, session_respond, session_start, session_load,
    session_encrypt, session_decrypt, session_digest)}


def answer(request):
    operation = OPERATIONS.get(request["op"])
    if operation is None:
        return {"error": {"code": "unsupported"}}
    try:
        return {"result": operation(Params(request["params"]))}
    except Refused as e:
        return {"error": {"code": "rejected", "class": e.cls, "message": str(e)}}
    except Unsupported as e:
        return {"error": {"code": "unsupported", "message": str(e)}}
    except (Invalid, KeyError) as e:
        return {"error": {"code": "invalid-request", "message": repr(e)}}
    except Exception as e:
        return {"error": {"code": "internal", "message": type(e).__name__}}


for line in sys.stdin:
    if line.strip():
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **answer(request)}), flush=True)
