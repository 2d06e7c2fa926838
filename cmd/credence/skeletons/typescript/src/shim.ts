// Puts an implementation under the Credence suite: one JSON object a line in, one a line out.

import { createInterface } from 'node:readline'

type Params = Record<string, unknown>
type Result = Record<string, unknown>

// The error of a reply.
//
//   rejected         the library refused the input, as the protocol under test demands; the class says why, if the library tells:
//                    malformed, bad-signature, authentication, duplicate, ... (SPEC.md 1.2)
//   unsupported      an operation, a parameter set or an option that is not there
//   invalid-request  the request makes no sense: an unknown party, a missing parameter
//   internal         the library failed where it should not have
class Fault extends Error {
  constructor(readonly code: 'rejected' | 'unsupported' | 'invalid-request' | 'internal', message: string, readonly refusal?: string) {
    super(message)
  }

  reply(): Result {
    return { code: this.code, message: this.message, ...(this.refusal && { class: this.refusal }) }
  }
}

// What this shim answers. Begin with xeddsa.sign and xeddsa.verify, or with party.new, session.initiate, session.respond,
// session.encrypt and session.decrypt; `credence doctor` says what is missing next. Bytes are lower-case hexadecimal in JSON:
// Buffer.from(text, 'hex') and .toString('hex') read and write them.
const operations: Record<string, (params: Params) => Result | Promise<Result>> = {
  hello,
  reset,
  // 'xeddsa.sign': xeddsaSign,
}

function hello(): Result {
  return {
    protocol: 1, name: 'my library', version: '0', language: 'TypeScript',
    profiles: [], // xeddsa, x3dh, ratchet, channel, ambassador, postoffice
    parameter_sets: [], // ambassador-v1, signal-v3, olm-v1, omemo-2
    operations: Object.keys(operations),
  }
}

// Forgets every party. Keep parties, with their sessions, in a Map by name, and empty it here.
function reset(): Result {
  return {}
}

// Tells the library's refusals, which become rejected, from its failures, which become internal.
function isRefusal(error: unknown): boolean {
  return false
}

async function answer(line: string): Promise<Result> {
  let id = 0
  try {
    let request: { id: number; op: string; params?: Params }
    try {
      request = JSON.parse(line)
    } catch (error) {
      throw new Fault('invalid-request', String(error))
    }
    if (!Number.isInteger(request?.id)) {
      throw new Fault('invalid-request', 'no id')
    }
    id = request.id
    if (!Object.hasOwn(operations, request.op)) {
      throw new Fault('unsupported', String(request.op))
    }
    return { id, result: await operations[request.op](request.params ?? {}) }
  } catch (error) {
    if (error instanceof Fault) {
      return { id, error: error.reply() }
    }
    return { id, error: { code: isRefusal(error) ? 'rejected' : 'internal', message: String(error) } }
  }
}

// One request after the other: the replies keep the order.
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n')
  }
}
