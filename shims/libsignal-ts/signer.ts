// XEdDSA with the randomness Z, as signal-v3 has it (SPEC.md chapter 3), for prekey signatures only: the library's signer takes none.
import { createHash } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519";

const { Fn, BASE } = ed25519.Point;

const number = (b: Uint8Array): bigint => BigInt("0x" + Buffer.from(b).reverse().toString("hex"));
const scalar = (...parts: Uint8Array[]): bigint => Fn.create(number(createHash("sha512").update(Buffer.concat(parts)).digest()));

const prefix = new Uint8Array(32).fill(0xff);
prefix[0] = 0xfe;

export function signWith(privateKey: ArrayBuffer, message: ArrayBuffer, z: Uint8Array): ArrayBuffer {
  const k = new Uint8Array(privateKey);
  const m = new Uint8Array(message);
  const a = Fn.create(number(k));
  const publicKey = BASE.multiply(a).toBytes();
  const r = scalar(prefix, k, m, z);
  const signature = new Uint8Array(64);
  signature.set(BASE.multiply(r).toBytes());
  const s = Fn.add(r, Fn.mul(scalar(signature.subarray(0, 32), publicKey, m), a));
  signature.set(Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse(), 32);
  signature[63] |= publicKey[31] & 0x80; // the sign of the public key has its place here
  return signature.buffer;
}
