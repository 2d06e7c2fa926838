//! Puts an implementation under the Credence suite: one JSON object a line in, one a line out.

use serde_json::{json, Value};
use std::io::{self, BufRead, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// The error of a reply.
///
/// - `rejected`: the library refused the input, as the protocol under test demands; the class says why, if the library tells:
///   malformed, bad-signature, authentication, duplicate, ... (SPEC.md 1.2)
/// - `unsupported`: an operation, a parameter set or an option that is not there
/// - `invalid-request`: the request makes no sense: an unknown party, a missing parameter
/// - `internal`: the library failed where it should not have: a panic
struct Fault {
    code: &'static str,
    class: Option<&'static str>,
    message: String,
}

type Answer = Result<Value, Fault>;

/// The state of the shim: put the parties, with their sessions, into a map by name.
#[derive(Default)]
struct Shim {}

/// What the shim answers. Begin with xeddsa.sign and xeddsa.verify, or with party.new, session.initiate, session.respond,
/// session.encrypt and session.decrypt; `credence doctor` says what is missing next. Bytes are lower-case hexadecimal in JSON;
/// the crate `hex` reads and writes them.
const OPERATIONS: &[(&str, fn(&mut Shim, &Value) -> Answer)] = &[
    ("hello", Shim::hello),
    ("reset", Shim::reset),
    // ("xeddsa.sign", Shim::xeddsa_sign),
];

impl Shim {
    fn hello(&mut self, _params: &Value) -> Answer {
        let names: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        Ok(json!({
            "protocol": 1, "name": "my library", "version": "0", "language": "Rust",
            "profiles": [],       // xeddsa, x3dh, ratchet, channel, ambassador, postoffice
            "parameter_sets": [], // ambassador-v1, signal-v3, olm-v1, omemo-2
            "operations": names,
        }))
    }

    /// Forgets every party.
    fn reset(&mut self, _params: &Value) -> Answer {
        *self = Shim::default();
        Ok(json!({}))
    }

    fn run(&mut self, op: &str, params: &Value) -> Answer {
        match OPERATIONS.iter().find(|(name, _)| *name == op) {
            Some((_, operation)) => operation(self, params),
            None => Err(Fault { code: "unsupported", class: None, message: op.to_string() }),
        }
    }

    fn answer(&mut self, line: &str) -> Value {
        let request: Value = match serde_json::from_str(line) {
            Ok(Value::Object(request)) => Value::Object(request),
            Ok(_) => return error(0, Fault { code: "invalid-request", class: None, message: "no object".to_string() }),
            Err(e) => return error(0, Fault { code: "invalid-request", class: None, message: e.to_string() }),
        };
        let id = request["id"].as_u64().unwrap_or(0);
        let op = request["op"].as_str().unwrap_or("");
        match catch_unwind(AssertUnwindSafe(|| self.run(op, &request["params"]))) {
            Ok(Ok(result)) => json!({"id": id, "result": result}),
            Ok(Err(fault)) => error(id, fault),
            Err(_) => error(id, Fault { code: "internal", class: None, message: format!("panic in {op}") }),
        }
    }
}

fn error(id: u64, fault: Fault) -> Value {
    let mut e = json!({"code": fault.code, "message": fault.message});
    if let Some(class) = fault.class {
        e["class"] = class.into();
    }
    json!({"id": id, "error": e})
}

fn main() -> io::Result<()> {
    let mut shim = Shim::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", shim.answer(&line))?;
            out.flush()?;
        }
    }
    Ok(())
}
