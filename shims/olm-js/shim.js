// @matrix-org/olm (libolm compiled to WebAssembly) behind the shim protocol: docs/shim-protocol.md.
"use strict";

const readline = require("node:readline");
const Olm = require("@matrix-org/olm");

const pickleKey = "credence";
const hex = (base64) => Buffer.from(base64, "base64").toString("hex");
const base64 = (hexadecimal) => Buffer.from(hexadecimal, "hex").toString("base64").replace(/=+$/, "");

class Reply extends Error {
  constructor(code, message, cls) {
    super(message);
    this.reply = { code, message, ...(cls && { class: cls }) };
  }
}

// The Matrix specification has applications keep several sessions with a peer, at least four: they read with any of them, and send in
// the one that was used last, which is the first here.
const kept = 4;
const parties = new Map(); // name -> { account, sessions: Map(peer -> sessions) }

function party(p) {
  if (!parties.has(p.party)) throw new Reply("invalid-request", `party ${p.party} is unknown`);
  return parties.get(p.party);
}

function held(p) {
  const sessions = party(p).sessions.get(p.peer);
  if (!sessions) throw new Reply("rejected", "no session", "not-ready");
  return sessions;
}

function use(p, used) {
  const others = (party(p).sessions.get(p.peer) ?? []).filter((s) => s !== used);
  for (const s of others.splice(kept - 1)) s.free();
  party(p).sessions.set(p.peer, [used, ...others]);
}

// The library takes and gives plaintexts as text.
const toText = (hexadecimal) => Buffer.from(hexadecimal ?? "", "hex").toString("utf8");
const toHex = (text) => Buffer.from(text, "utf8").toString("hex");
const type = (envelope) => (envelope.kind === "initial" ? 0 : 1);

const operations = {
  hello: () => ({
    protocol: 1,
    name: "@matrix-org/olm",
    version: require("@matrix-org/olm/package.json").version,
    language: "JavaScript (WebAssembly)",
    profiles: ["x3dh", "ratchet"],
    parameter_sets: ["olm-v1"],
    operations: Object.keys(operations),
  }),

  reset() {
    for (const { account, sessions } of parties.values()) {
      account.free();
      for (const s of [...sessions.values()].flat()) s.free();
    }
    parties.clear();
    return {};
  },

  "party.new"(p) {
    if (p.set !== "olm-v1" || (p.cadence ?? "per-turn") !== "per-turn") throw new Reply("unsupported", `set ${p.set}, cadence ${p.cadence}`);
    const account = new Olm.Account();
    account.create();
    account.generate_one_time_keys(p.one_time_prekey_count ?? 0);
    parties.set(p.party, { account, sessions: new Map() });
    const bundle = { identity: hex(JSON.parse(account.identity_keys()).curve25519) };
    const oneTime = Object.values(JSON.parse(account.one_time_keys()).curve25519);
    if (oneTime.length) bundle.one_time_prekey = hex(oneTime[0]);
    return { bundle };
  },

  "party.export"(p) {
    const { account, sessions } = party(p);
    const state = { account: account.pickle(pickleKey), sessions: [...sessions].map(([peer, all]) => [peer, all.map((s) => s.pickle(pickleKey))]) };
    return { state: Buffer.from(JSON.stringify(state)).toString("hex") };
  },

  "party.import"(p) {
    const state = JSON.parse(Buffer.from(p.state, "hex"));
    const account = new Olm.Account();
    account.unpickle(pickleKey, state.account);
    const unpickled = (pickle) => {
      const s = new Olm.Session();
      s.unpickle(pickleKey, pickle);
      return s;
    };
    parties.set(p.party, { account, sessions: new Map(state.sessions.map(([peer, pickles]) => [peer, pickles.map(unpickled)])) });
    return {};
  },

  "session.initiate"(p) {
    const s = new Olm.Session();
    s.create_outbound(party(p).account, base64(p.bundle.identity ?? ""), base64(p.bundle.one_time_prekey ?? ""));
    use(p, s);
    return {};
  },

  "session.respond"(p) {
    const { account } = party(p);
    const s = new Olm.Session();
    const body = base64(p.envelope.body);
    s.create_inbound(account, body);
    const plaintext = toHex(s.decrypt(type(p.envelope), body));
    account.remove_one_time_keys(s);
    use(p, s);
    return { plaintext };
  },

  "session.encrypt"(p) {
    const { type, body } = held(p)[0].encrypt(toText(p.plaintext));
    return { envelope: { kind: type === 0 ? "initial" : "ratchet", body: hex(body) } };
  },

  "session.decrypt"(p) {
    const body = base64(p.envelope.body);
    let refused;
    for (const s of held(p)) {
      try {
        if (p.envelope.kind === "initial" && !s.matches_inbound(body)) throw new Reply("rejected", "another session");
        const plaintext = toHex(s.decrypt(type(p.envelope), body));
        use(p, s);
        return { plaintext };
      } catch (e) {
        refused ??= e; // of the current session
      }
    }
    throw refused;
  },
};

function answer(line) {
  let id = 0;
  try {
    const request = JSON.parse(line);
    id = request.id;
    if (!Object.hasOwn(operations, request.op)) throw new Reply("unsupported", `operation ${request.op}`);
    return { id, result: operations[request.op](request.params) };
  } catch (e) {
    if (e instanceof Reply) return { id, error: e.reply };
    const refused = /^OLM\./.test(e.message); // how the library says its errors
    return { id, error: { code: refused ? "rejected" : "internal", message: String(e.message) } };
  }
}

Olm.init().then(() => {
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    if (line.trim()) process.stdout.write(JSON.stringify(answer(line)) + "\n");
  });
});
