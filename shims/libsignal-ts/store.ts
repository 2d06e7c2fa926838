// A party: the stores that the library wants, in memory. What the library stores is kept as it gives it.
import type { Direction, KeyPairType, StorageType } from "@privacyresearch/libsignal-protocol-typescript";

export const device = 1; // every party has one

export const hex = (b: ArrayBuffer | Uint8Array): string => Buffer.from(b as ArrayBuffer).toString("hex");

export function buffer(hexadecimal: string): ArrayBuffer {
  const b = Buffer.from(hexadecimal, "hex");
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.length) as ArrayBuffer;
}

type Keys = Map<number, KeyPairType>;

export interface State {
  identity: [string, string];
  registration: number;
  preKeys: [number, string, string][];
  signedPreKeys: [number, string, string][];
  sessions: [string, string][];
  trusted: [string, string][];
}

// peerOf is the name in an address as the library writes it, which is the name, a dot and the device. Its own parser breaks at the
// first dot of the name.
const peerOf = (address: string): string => address.slice(0, address.lastIndexOf("."));

export class Store implements StorageType {
  readonly preKeys: Keys = new Map();
  readonly signedPreKeys: Keys = new Map();
  readonly sessions = new Map<string, string>();
  readonly trusted = new Map<string, string>();

  constructor(
    readonly identity: KeyPairType,
    readonly registration: number,
  ) {}

  async getIdentityKeyPair(): Promise<KeyPairType> {
    return this.identity;
  }

  async getLocalRegistrationId(): Promise<number> {
    return this.registration;
  }

  // isTrustedIdentity trusts on first use, as the store of the library's tests does.
  async isTrustedIdentity(name: string, key: ArrayBuffer, _direction: Direction): Promise<boolean> {
    const known = this.trusted.get(name);
    return known === undefined || known === hex(key);
  }

  async saveIdentity(address: string, key: ArrayBuffer): Promise<boolean> {
    const known = this.trusted.get(peerOf(address));
    this.trusted.set(peerOf(address), hex(key));
    return known !== undefined && known !== hex(key);
  }

  async loadPreKey(id: string | number): Promise<KeyPairType | undefined> {
    return this.preKeys.get(Number(id));
  }

  async storePreKey(id: string | number, pair: KeyPairType): Promise<void> {
    this.preKeys.set(Number(id), pair);
  }

  async removePreKey(id: string | number): Promise<void> {
    this.preKeys.delete(Number(id));
  }

  async loadSignedPreKey(id: string | number): Promise<KeyPairType | undefined> {
    return this.signedPreKeys.get(Number(id));
  }

  async storeSignedPreKey(id: string | number, pair: KeyPairType): Promise<void> {
    this.signedPreKeys.set(Number(id), pair);
  }

  async removeSignedPreKey(id: string | number): Promise<void> {
    this.signedPreKeys.delete(Number(id));
  }

  async loadSession(address: string): Promise<string | undefined> {
    return this.sessions.get(address);
  }

  async storeSession(address: string, record: string): Promise<void> {
    this.sessions.set(address, record);
  }

  export(): State {
    const keys = (m: Keys): [number, string, string][] => [...m].map(([id, p]) => [id, hex(p.pubKey), hex(p.privKey)]);
    return {
      identity: [hex(this.identity.pubKey), hex(this.identity.privKey)],
      registration: this.registration,
      preKeys: keys(this.preKeys),
      signedPreKeys: keys(this.signedPreKeys),
      sessions: [...this.sessions],
      trusted: [...this.trusted],
    };
  }

  static import(state: State): Store {
    const pair = (pub: string, priv: string): KeyPairType => ({ pubKey: buffer(pub), privKey: buffer(priv) });
    const s = new Store(pair(...state.identity), state.registration);
    for (const [id, pub, priv] of state.preKeys) s.preKeys.set(id, pair(pub, priv));
    for (const [id, pub, priv] of state.signedPreKeys) s.signedPreKeys.set(id, pair(pub, priv));
    for (const [address, record] of state.sessions) s.sessions.set(address, record);
    for (const [name, key] of state.trusted) s.trusted.set(name, key);
    return s;
  }
}
