"""Puts an implementation under the Credence suite: one JSON object a line in, one a line out."""

import json
import sys


class Fault(Exception):
    """The error of a reply.

    rejected         the library refused the input, as the protocol under test demands; the class says why, if the library tells:
                     malformed, bad-signature, authentication, duplicate, ... (SPEC.md 1.2)
    unsupported      an operation, a parameter set or an option that is not there
    invalid-request  the request makes no sense: an unknown party, a missing parameter
    internal         the library failed where it should not have
    """

    def __init__(self, code, message, refusal_class=None):
        super().__init__(message)
        self.reply = {"code": code, "message": message}
        if refusal_class:
            self.reply["class"] = refusal_class


def hello(params):
    return {
        "protocol": 1, "name": "my library", "version": "0", "language": "Python",
        "profiles": [],  # xeddsa, x3dh, ratchet, channel, ambassador, postoffice
        "parameter_sets": [],  # ambassador-v1, signal-v3, olm-v1, omemo-2
        "operations": sorted(OPERATIONS),
    }


def reset(params):
    """Forgets every party. Keep parties, with their sessions, in a dictionary by name, and empty it here."""
    return {}


# What this shim answers. Begin with xeddsa.sign and xeddsa.verify, or with party.new, session.initiate, session.respond,
# session.encrypt and session.decrypt; `credence doctor` says what is missing next. Bytes are lower-case hexadecimal in JSON:
# bytes.fromhex and .hex() read and write them.
OPERATIONS = {
    "hello": hello,
    "reset": reset,
    # "xeddsa.sign": xeddsa_sign,
}

# The exceptions with which the library refuses input. They become rejected; any other exception becomes internal.
REFUSALS = (ValueError,)


def answer(line):
    try:
        request = json.loads(line)
        number, op, params = request["id"], request["op"], request.get("params") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        return {"id": 0, "error": {"code": "invalid-request", "message": str(e)}}
    try:
        if op not in OPERATIONS:
            raise Fault("unsupported", str(op))
        return {"id": number, "result": OPERATIONS[op](params)}
    except Fault as e:
        return {"id": number, "error": e.reply}
    except REFUSALS as e:
        return {"id": number, "error": {"code": "rejected", "message": str(e)}}
    except Exception as e:
        return {"id": number, "error": {"code": "internal", "message": f"{type(e).__name__}: {e}"}}


def main():
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
