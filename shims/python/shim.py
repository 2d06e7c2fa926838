"""The independent implementation of SPEC.md behind the shim protocol (docs/shim-protocol.md)."""
import copy
import hashlib
import io
import json
import pickle
import secrets
import sys
import time

import ambassador_spec as amb
import credence_spec as spec
from credence_spec import SETS, Party, Refused, State, clamp, fresh, kdf_ck, pub

parties, devices, channels = {}, {}, {}
office = amb.Office(time.monotonic)


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
    return {"protocol": 1, "name": "SPEC.md in Python", "version": "0.1.0", "language": "Python", "profiles": ["xeddsa", "x3dh", "ratchet", "channel", "ambassador", "postoffice"],
            "parameter_sets": list(SETS), "operations": list(OPERATIONS), "injects": True, "cadences": ["per-turn", "per-message"]}


def reset(p):
    global office
    for table in (parties, devices, channels):
        table.clear()
    office = amb.Office(time.monotonic)
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


def dumped(o):
    """The bytes of a state. Equal states have equal bytes: without the memo it does not matter what is shared inside."""
    b = io.BytesIO()
    p = pickle.Pickler(b)
    p.fast = True
    p.dump(o)
    return b.getvalue()


def party_export(p):
    return {"state": dumped(p.known_party).hex()}


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
    parties[p.party].sessions[p.peer] = [spec.Session(state, None, False)]
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
    state: State = p.known_party.held(p.peer)[0].state
    return {"digest": hashlib.sha256(state.marshal()).hexdigest()}


# The Ambassador protocol (SPEC.md 7 to 12)


class Draw:
    """The bytes of a request, or fresh ones (1.3)."""

    def __init__(self, p):
        self.left = bytes.fromhex(p.random) if p.random is not None else None

    def __call__(self, n):
        if self.left is None:
            return secrets.token_bytes(n)
        if len(self.left) < n:
            raise Invalid("random: too short")
        out, self.left = self.left[:n], self.left[n:]
        return out

    def key(self):
        return clamp(self(32))


def known(table, p):
    if p.party not in table:
        raise Invalid("party is unknown")
    return table[p.party]


def change(table, p, work):
    """Works on a copy, which takes the place of the original only if nothing was refused."""
    c = copy.deepcopy(known(table, p))
    result = work(c)
    table[p.party] = c
    return result


def message(b):
    return {} if b is None else {"message": b.hex()}


def ambassador_decode(p):
    d = amb.decode(p.type, p.hex("message"))
    return {"fields": [{"name": name, "value": v.hex()} for name, v in amb.dump(amb.STRUCTURES[p.type], d)]}


def ambassador_verify(p):
    if p.type not in (5, 6, 7):
        raise Invalid("type")
    amb.verify(p.type, amb.decode(p.type, p.hex("message")))
    return {}


def log_first(p):
    return {"digest": amb.first_head(p.hex("account"), p.hex("peer_account")).hex()}


def log_next(p):
    return {"digest": amb.next_head(p.hex("previous"), p.hex("message")).hex()}


def channel_new(p):
    channels[p.party] = amb.Channels(Draw(p))
    return {"device": amb.write(amb.STRUCTURES["device"], channels[p.party].entry()).hex()}


def channel_connect(p):
    r = amb.Reader(p.hex("device"))
    d = r.structure("device")
    amb.require(not r.b, "malformed")
    change(channels, p, lambda c: c.connect(d, Draw(p)))
    return {}


def channel_seal(p):
    r = amb.decode(9, p.hex("record"))
    return message(change(channels, p, lambda c: c.seal(r, Draw(p))))


def channel_open(p):
    try:
        listed = amb.decode(6, p.hex("list"))
    except Refused as e:
        raise Invalid("list") from e
    r, _, _ = change(channels, p, lambda c: c.open(listed, p.hex("device"), p.hex("message")))
    return {"record": amb.encode(9, r).hex()}


def channel_export(p):
    return {"state": dumped(known(channels, p)).hex()}


def channel_import(p):
    channels[p.party] = pickle.loads(p.hex("state"))
    return {}


def device_register(p):
    draw = Draw(p)
    d = amb.Device(draw)
    commit = d.register(draw)
    devices[p.party] = d
    return message(commit)


def device_new(p):
    devices[p.party] = amb.Device(Draw(p))
    return {}


def device_offer(p):
    return message(known(devices, p).offer())


def device_request(p):
    return message(change(devices, p, lambda d: d.request(p.hex("message"), Draw(p))))


def device_send(p):
    return message(change(devices, p, lambda d: d.send(p.hex("account"), p.hex("plaintext"), p.hex("peer_bundle"), Draw(p))))


def device_receive(p):
    return public_events(change(devices, p, lambda d: d.receive(p.hex("message"))))


def device_refused(p):
    known(devices, p).pending = None
    return {}


def public_events(events):
    return {"events": [{k: v.hex() if isinstance(v, bytes) else v for k, v in e.items()} for e in events]}


def device_caught_up(p):
    return public_events(known(devices, p).caught_up(p.commits or 0))


def device_owes(p):
    return {"accounts": [a.hex() for a in known(devices, p).owes()]}


def device_upkeep(p):
    return message(change(devices, p, lambda d: d.upkeep(Draw(p))))


def device_ack(p):
    return message(change(devices, p, lambda d: d.ack(Draw(p))))


def device_replenish(p):
    return message(change(devices, p, lambda d: d.replenish(Draw(p))))


def device_keys(p):
    return None if p.devices is None else [bytes.fromhex(d) for d in p.devices]


def device_prepare(p):
    return message(change(devices, p, lambda d: d.prepare(device_keys(p), Draw(p))))


def device_rotate(p):
    return message(change(devices, p, lambda d: d.rotate(p.hex("message"), device_keys(p) or [], Draw(p))))


def device_status(p):
    d = known(devices, p)
    r = {"device": d.id.hex()}
    if d.list:
        r |= {"account": d.account.hex(), "epoch": d.list["epoch"], "active": d.keys is not None, "list": amb.encode(6, d.list).hex()}
    if p.account is not None:
        t = d.talk(p.hex("account"))
        r |= {"seq": t.seq, "head": t.head.hex(), "digest": t.digest().hex()}
        if t.frozen or t.tip[0] > t.seq:
            r["problem"] = "frozen" if t.frozen else "entries wait"
    return r


def device_export(p):
    d = copy.copy(known(devices, p))
    d.behind = True  # whoever goes on from this state has to catch up first (AMB-SYN-10)
    return {"state": dumped(d).hex()}


def device_import(p):
    devices[p.party] = pickle.loads(p.hex("state"))
    return {}


def office_append(p):
    office.append(p.hex("message"))
    return {}


def office_bundle(p):
    return message(office.bundle(p.hex("account")))


def office_fetch(p):
    mails, commits, prekeys = office.fetch(p.hex("account"), p.hex("device"), p.position or 1)
    return {"mails": [m.hex() for m in mails], "commits": commits, "prekeys": prekeys}


def office_announce(p):
    return {"commits": office.announce(p.hex("account"), p.hex("device"), p.commits)}


OPERATIONS = {f.__name__.replace("_", ".", 1): f for f in (
    hello, reset, xeddsa_sign, xeddsa_verify, x3dh_initiate, x3dh_respond, ratchet_root, ratchet_chain, ratchet_seal, ratchet_open,
    ratchet_accumulate, party_new, party_export, party_import, session_initiate, session_respond, session_start, session_load,
    session_encrypt, session_decrypt, session_digest, ambassador_decode, ambassador_verify, log_first, log_next, channel_new, channel_connect,
    channel_seal, channel_open, channel_export, channel_import, device_register, device_new, device_offer, device_request, device_send,
    device_receive, device_refused, device_caught_up, device_owes, device_upkeep, device_ack, device_replenish, device_prepare, device_rotate,
    device_status, device_export, device_import, office_append, office_bundle, office_fetch, office_announce)}


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
