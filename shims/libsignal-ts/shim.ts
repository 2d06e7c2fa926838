// @privacyresearch/libsignal-protocol-typescript behind the shim protocol of Credence: docs/shim-protocol.md. Every check is left to
// the library.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";
import libsignal, {
  KeyHelper,
  SessionBuilder,
  SessionCipher,
  SignalProtocolAddress,
  setCurve,
  setWebCrypto,
  type AsyncCurve,
  type Chain,
  type DeviceType,
  type KeyPairType,
  type SessionType,
} from "@privacyresearch/libsignal-protocol-typescript";
import { AsyncCurve25519Wrapper, type AsyncCurve as Primitives } from "@privacyresearch/curve25519-typescript";
import { signWith } from "./signer";
import { Store, buffer, device, hex } from "./store";

const set = "signal-v3";

// The library warns on the console, at times with the keys of a session. Standard output belongs to the protocol.
console.log = console.warn = console.error = () => {};

class Reply extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly cls?: string,
  ) {
    super(message);
  }
}

// Randomness: one injected value a draw, and fresh bytes where none is queued.

let queue: (ArrayBuffer | undefined)[] = [];
const sessionsKept = 41; // by the library, with a peer

function getRandomValues<T>(array: T): T {
  const bytes = array as unknown as Uint8Array;
  webcrypto.getRandomValues(bytes);
  const next = queue.shift();
  if (next) bytes.set(new Uint8Array(next).subarray(0, bytes.length));
  return array;
}

// The HMACs of the key agreement: their outputs are the blocks of its HKDF. The library drops the second.

const agreementInfo = Buffer.from("WhisperText");
let blocks: Uint8Array[] = [];

async function sign(algorithm: webcrypto.AlgorithmIdentifier, key: webcrypto.CryptoKey, data: ArrayBuffer): Promise<ArrayBuffer> {
  const mac = await webcrypto.subtle.sign(algorithm, key, data);
  const input = Buffer.from(data);
  if (input.subarray(-12, -1).equals(agreementInfo)) blocks[input[input.length - 1] - 1] = new Uint8Array(mac);
  return mac;
}

const { subtle } = webcrypto;
setWebCrypto({
  getRandomValues,
  subtle: {
    importKey: subtle.importKey.bind(subtle),
    encrypt: subtle.encrypt.bind(subtle),
    decrypt: subtle.decrypt.bind(subtle),
    digest: subtle.digest.bind(subtle),
    sign,
  },
} as unknown as Crypto);

// The library signs without randomness. Its own way to replace the curve lets vectors that fix the randomness of a prekey signature go
// on to what comes after it; xeddsa.sign stays the library's.
const signers = ["library", "z"];
const signer = process.argv[2] === "--signer" ? process.argv[3] : "library";
if (!signers.includes(signer)) throw new Error(`unknown signer ${signer}`);

if (signer === "z") {
  const own = new AsyncCurve25519Wrapper();
  const signing: Primitives = {
    keyPair: (key) => own.keyPair(key),
    sharedSecret: (theirs, key) => own.sharedSecret(theirs, key),
    verify: (key, message, signature) => own.verify(key, message, signature),
    sign: async (key, message) => signWith(key, message, getRandomValues(new Uint8Array(64))),
  };
  setCurve(signing as never); // its type says another interface of the same name
}

let curve: AsyncCurve;

// Parameters.

interface Envelope {
  kind: string;
  body: string;
}

interface Bundle {
  identity?: string;
  signed_prekey?: string;
  signed_prekey_id?: number;
  signature?: string;
  one_time_prekey?: string;
  one_time_prekey_id?: number;
  registration_id?: number;
}

class Params {
  constructor(private readonly p: Record<string, unknown>) {}

  text(name: string): string {
    const v = this.p[name];
    if (typeof v !== "string") throw new Reply("invalid-request", name);
    return v;
  }

  bytes(name: string): ArrayBuffer {
    const v = this.optional(name);
    if (!v) throw new Reply("invalid-request", name);
    return v;
  }

  optional(name: string): ArrayBuffer | undefined {
    return this.p[name] === undefined ? undefined : decoded(this.p[name]);
  }

  number(name: string): number {
    const v = this.p[name] ?? 0;
    if (!Number.isInteger(v) || (v as number) < 0) throw new Reply("invalid-request", name);
    return v as number;
  }

  list(name: string): ArrayBuffer[] {
    return ((this.p[name] ?? []) as unknown[]).map(decoded);
  }

  object<T>(name: string): T {
    const v = this.p[name];
    if (typeof v !== "object" || v === null) throw new Reply("invalid-request", name);
    return v as T;
  }
}

function decoded(v: unknown): ArrayBuffer {
  if (typeof v !== "string" || v.length % 2 !== 0 || /[^0-9a-f]/.test(v)) throw new Reply("invalid-request", "no hexadecimal");
  return buffer(v);
}

const parties = new Map<string, Store>();

function party(p: Params): Store {
  const s = parties.get(p.text("party"));
  if (!s) throw new Reply("invalid-request", "no such party");
  return s;
}

function add(p: Params, s: Store): void {
  if (parties.has(p.text("party"))) throw new Reply("invalid-request", "the name is in use");
  parties.set(p.text("party"), s);
}

const address = (p: Params): SignalProtocolAddress => new SignalProtocolAddress(p.text("peer"), device);

// deviceOf gives a bundle as the library types it. The types have no place for an identity, a signed prekey or a signature that is
// not there.
function deviceOf(p: Params): DeviceType {
  const b = p.object<Bundle>("bundle");
  if (!b.identity || !b.signed_prekey || !b.signature) throw new Reply("rejected", "a key or the signature is missing", "incomplete-bundle");
  return {
    identityKey: decoded(b.identity),
    registrationId: b.registration_id ?? 0,
    signedPreKey: { keyId: b.signed_prekey_id ?? 0, publicKey: decoded(b.signed_prekey), signature: decoded(b.signature) },
    preKey: b.one_time_prekey ? { keyId: b.one_time_prekey_id ?? 0, publicKey: decoded(b.one_time_prekey) } : undefined,
  };
}

function joined(...parts: (ArrayBuffer | Uint8Array)[]): string {
  return parts.map(hex).join("");
}

// agreement gives the two blocks of the HKDF that are the whole output of the agreement.
function agreement(initiator: ArrayBuffer, responder: ArrayBuffer): { shared_secret: string; associated_data: string } {
  if (!blocks[0] || !blocks[1]) throw new Reply("internal", "the library has not agreed");
  return { shared_secret: joined(blocks[0], blocks[1]), associated_data: joined(initiator, responder) };
}

// The parts of a cipher that the library hides behind its types. Steps of the ratchet call them; sealing and opening with a given
// message key put it in their place and leave everything else to the library.
interface Inner {
  fillMessageKeys(chain: Chain<ArrayBuffer>, counter: number): Promise<void>;
  maybeStepRatchet(session: SessionType, remoteKey: ArrayBuffer, previousCounter: number): Promise<void>;
  calculateRatchet(session: SessionType, remoteKey: ArrayBuffer, sending: boolean): Promise<void>;
}

const peer = new SignalProtocolAddress("peer", device);
const base64 = (b: ArrayBuffer): string => Buffer.from(b).toString("base64");
const sending = 1; // ChainType of the library
const receiving = 2;

function emptySession(remoteIdentityKey: ArrayBuffer, ratchetKey: KeyPairType, rootKey = new ArrayBuffer(32)): SessionType {
  return {
    registrationId: 0,
    indexInfo: { remoteIdentityKey, closed: -1, baseKey: ratchetKey.pubKey, baseKeyType: 1 },
    currentRatchet: { rootKey, ephemeralKeyPair: ratchetKey, lastRemoteEphemeralKey: ratchetKey.pubKey, previousCounter: 0 },
    oldRatchetList: [],
    chains: {},
  };
}

// identities takes associated data apart. It refuses for the library, which has the two identity keys in its place.
function identities(p: Params): [ArrayBuffer, ArrayBuffer] {
  const ad = p.bytes("associated_data");
  if (ad.byteLength !== 66) throw new Reply("rejected", "associated data is two identity keys");
  return [ad.slice(0, 33), ad.slice(33)];
}

async function decrypt(p: Params): Promise<object> {
  const envelope = p.object<Envelope>("envelope");
  const body = decoded(envelope.body);
  const cipher = new SessionCipher(party(p), address(p));
  queue = Array(sessionsKept).fill(p.optional("ratchet_private")); // each in which the library tries the message draws
  const plaintext = envelope.kind === "initial" ? await cipher.decryptPreKeyWhisperMessage(body) : await cipher.decryptWhisperMessage(body);
  return { plaintext: hex(plaintext) };
}

const operations: Record<string, (p: Params) => Promise<object>> = {
  hello: async () => ({
    protocol: 1,
    name: `@privacyresearch/libsignal-protocol-typescript${signer === "z" ? " (prekeys signed with Z)" : ""}`,
    version: require("@privacyresearch/libsignal-protocol-typescript/package.json").version,
    language: "TypeScript",
    profiles: ["xeddsa", "x3dh", "ratchet"],
    parameter_sets: [set],
    operations: Object.keys(operations),
    injects: true,
  }),

  reset: async () => {
    parties.clear();
    return {};
  },

  "xeddsa.sign": async (p) => ({ signature: hex(await curve.calculateSignature(p.bytes("private_key"), p.bytes("message"))) }),

  "xeddsa.verify": async (p) => {
    await curve.verifySignature(p.bytes("public_key"), p.bytes("message"), p.bytes("signature")); // throws if it does not verify
    return {};
  },

  "x3dh.initiate": async (p) => {
    const own = new Store(await curve.createKeyPair(p.bytes("identity_private")), 0);
    const bundle = deviceOf(p);
    queue = [p.optional("ephemeral_private")];
    const session = await new SessionBuilder(own, peer).processPreKey(bundle);
    const ephemeral = session.indexInfo.baseKey;
    if (!ephemeral) throw new Reply("internal", "the session has no base key");
    return { ...agreement(own.identity.pubKey, session.indexInfo.remoteIdentityKey), ephemeral_key: hex(ephemeral) };
  },

  "x3dh.respond": async (p) => {
    const own = new Store(await curve.createKeyPair(p.bytes("identity_private")), 0);
    const signed = await curve.createKeyPair(p.bytes("signed_prekey_private"));
    const oneTimePrivate = p.optional("one_time_prekey_private");
    const session = await new SessionBuilder(own, peer).startSessionWthPreKeyMessage(
      oneTimePrivate && (await curve.createKeyPair(oneTimePrivate)),
      signed,
      // The library passes what its protocol buffers give, and takes the fields for buffers.
      { identityKey: p.bytes("initiator_identity"), baseKey: p.bytes("ephemeral_key"), registrationId: 0 } as never,
    );
    const result = agreement(session.indexInfo.remoteIdentityKey, own.identity.pubKey);
    if (!result.shared_secret.startsWith(hex(session.currentRatchet.rootKey))) throw new Reply("internal", "the session has another root key");
    return result;
  },

  "ratchet.root": async (p) => {
    const session = emptySession(new ArrayBuffer(33), await curve.createKeyPair(p.bytes("ratchet_private")), p.bytes("root_key"));
    const remote = p.bytes("ratchet_public");
    await (new SessionCipher({} as Store, peer) as unknown as Inner).calculateRatchet(session, remote, false);
    return { root_key: hex(session.currentRatchet.rootKey), chain_key: hex(session.chains[base64(remote)].chainKey.key!) };
  },

  "ratchet.chain": async (p) => {
    const chain = { messageKeys: {} as Record<number, ArrayBuffer>, chainKey: { counter: -1, key: p.bytes("chain_key") }, chainType: sending };
    await (new SessionCipher({} as Store, peer) as unknown as Inner).fillMessageKeys(chain, 0);
    return { chain_key: hex(chain.chainKey.key), message_key: hex(chain.messageKeys[0]) };
  },

  "ratchet.seal": async (p) => {
    const [sender, receiver] = identities(p);
    const own = new Store({ pubKey: sender, privKey: new ArrayBuffer(32) }, 0);
    const session = emptySession(receiver, { pubKey: p.bytes("ratchet_key"), privKey: new ArrayBuffer(32) });
    session.currentRatchet.previousCounter = p.number("previous_length");
    session.chains[base64(p.bytes("ratchet_key"))] = { messageKeys: {}, chainKey: { counter: -1 }, chainType: sending };
    const cipher = new SessionCipher(own, peer);
    const record = new (await recordClass())();
    record.updateSessionState(session);
    own.sessions.set(peer.toString(), record.serialize());
    (cipher as unknown as Inner).fillMessageKeys = async (chain) => {
      chain.chainKey.counter = p.number("number");
      chain.messageKeys[chain.chainKey.counter] = p.bytes("message_key");
    };
    const { body } = await cipher.encrypt(p.bytes("plaintext"));
    return { message: Buffer.from(body!, "latin1").toString("hex") };
  },

  "ratchet.open": async (p) => {
    const [sender, receiver] = identities(p);
    const cipher = new SessionCipher(new Store({ pubKey: receiver, privKey: new ArrayBuffer(32) }, 0), peer);
    const inner = cipher as unknown as Inner;
    inner.maybeStepRatchet = async (session, remoteKey) => {
      session.chains[base64(remoteKey)] = { messageKeys: {}, chainKey: { counter: -1 }, chainType: receiving };
    };
    inner.fillMessageKeys = async (chain, counter) => {
      chain.messageKeys[counter] = p.bytes("message_key");
    };
    const session = emptySession(sender, { pubKey: new ArrayBuffer(33), privKey: new ArrayBuffer(32) });
    return { plaintext: hex(await cipher.doDecryptWhisperMessage(p.bytes("message"), session)) };
  },

  "party.new": async (p) => {
    const privates = p.list("one_time_prekey_privates");
    const count = privates.length || p.number("one_time_prekey_count");
    queue = [p.optional("identity_private"), p.optional("signed_prekey_private"), ...(signer === "z" ? [p.optional("random")] : []), ...privates];
    const own = new Store(await KeyHelper.generateIdentityKeyPair(), p.number("registration_id"));
    const signed = await KeyHelper.generateSignedPreKey(own.identity, p.number("signed_prekey_id") || 1);
    await own.storeSignedPreKey(signed.keyId, signed.keyPair);
    const bundle: Bundle = {
      identity: hex(own.identity.pubKey),
      signed_prekey: hex(signed.keyPair.pubKey),
      signed_prekey_id: signed.keyId,
      signature: hex(signed.signature),
      ...(own.registration !== 0 && { registration_id: own.registration }),
    };
    for (let id = 1; id <= count; id++) {
      const oneTime = await KeyHelper.generatePreKey(id);
      await own.storePreKey(id, oneTime.keyPair);
      if (id === 1) Object.assign(bundle, { one_time_prekey: hex(oneTime.keyPair.pubKey), one_time_prekey_id: id });
    }
    add(p, own);
    return { bundle };
  },

  "party.export": async (p) => ({ state: Buffer.from(JSON.stringify(party(p).export())).toString("hex") }),

  "party.import": async (p) => {
    add(p, Store.import(JSON.parse(Buffer.from(p.bytes("state")).toString())));
    return {};
  },

  "session.initiate": async (p) => {
    const builder = new SessionBuilder(party(p), address(p));
    const bundle = deviceOf(p);
    queue = [p.optional("ephemeral_private"), p.optional("ratchet_private")];
    await builder.processPreKey(bundle);
    return {};
  },

  "session.respond": decrypt,

  "session.encrypt": async (p) => {
    const { type, body } = await new SessionCipher(party(p), address(p)).encrypt(p.bytes("plaintext"));
    return { envelope: { kind: type === 3 ? "initial" : "ratchet", body: Buffer.from(body!, "latin1").toString("hex") } };
  },

  "session.decrypt": decrypt,
};

// recordClass is the library's class for the records of its session store, which its index does not name.
async function recordClass() {
  return (await import("@privacyresearch/libsignal-protocol-typescript/lib/session-record")).SessionRecord;
}

// The library throws plain errors with a text. These texts have one meaning.
const classes: [RegExp, string][] = [
  [/^Invalid signature$/, "bad-signature"],
  [/^Invalid public key/, "malformed"],
  [/^Incompatible version number/, "malformed"],
  [/^index out of range/, "malformed"],
  [/^invalid wire type/, "malformed"],
  [/^invalid varint encoding/, "malformed"],
  [/^Bad MAC/, "authentication"],
  [/^Message key not found/, "duplicate"],
  [/^Over 2000 messages into the future/, "skip-limit"],
  [/^No record for/, "not-ready"],
  [/^No session to encrypt/, "not-ready"],
  [/^Missing Signed PreKey/, "unknown-prekey"],
];

function refusal(e: unknown): { code: string; message: string; class?: string } {
  if (e instanceof Reply) return { code: e.code, message: e.message, ...(e.cls && { class: e.cls }) };
  if (!(e instanceof Error)) return { code: "internal", message: String(e) };
  // WebCrypto says so of a ciphertext whose padding or length is wrong.
  if (e.name === "OperationError") return { code: "rejected", message: e.message || e.name, class: "authentication" };
  // RangeError is how protobufjs refuses. Any other error of the language is no refusal.
  const plain = e.constructor === Error || e instanceof RangeError;
  const cls = classes.find(([text]) => text.test(e.message))?.[1];
  return { code: plain ? "rejected" : "internal", message: `${e.name}: ${e.message.slice(0, 200)}`, ...(plain && cls && { class: cls }) };
}

async function answer(line: string): Promise<object> {
  let id = 0;
  queue = [];
  blocks = [];
  try {
    let request;
    try {
      request = JSON.parse(line);
    } catch {
      throw new Reply("invalid-request", "no JSON");
    }
    if (typeof request !== "object" || request === null) throw new Reply("invalid-request", "no JSON object");
    id = Number(request.id) || 0;
    const params = request.params ?? {};
    if (!Object.hasOwn(operations, request.op)) throw new Reply("unsupported", `operation ${request.op}`);
    if ((params.set ?? set) !== set || (params.cadence ?? "per-turn") !== "per-turn") throw new Reply("unsupported", "set or cadence");
    return { id, result: await operations[request.op](new Params(params)) };
  } catch (e) {
    return { id, error: refusal(e) };
  }
}

async function main(): Promise<void> {
  curve = (await libsignal()).Curve.async; // the asynchronous one throws where a signature does not verify
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim()) process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
}

main();
