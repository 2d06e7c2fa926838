//! Puts vodozemac under the suite (docs/shim-protocol.md). It offers the parameter set olm-v1 and leaves every check to
//! the library.

mod party;
mod pieces;
mod refusal;

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
};

use party::Party;
use refusal::{Answer, Refusal, invalid, unsupported};
use serde::Deserialize;
use serde_json::{Value, json};

const SET: &str = "olm-v1";

const OPERATIONS: [&str; 15] = [
    "hello",
    "reset",
    "party.new",
    "party.export",
    "party.import",
    "session.start",
    "session.initiate",
    "session.respond",
    "session.encrypt",
    "session.decrypt",
    "x3dh.initiate",
    "ratchet.chain",
    "ratchet.seal",
    "ratchet.open",
    "ratchet.accumulate",
];

/// Bytes stand in hexadecimal in a request.
#[derive(Deserialize, Clone, Default)]
#[serde(transparent)]
struct Bytes(#[serde(with = "hex")] Vec<u8>);

impl Bytes {
    /// A private or secret key, which the suite gives with 32 bytes.
    fn key(&self) -> Answer<[u8; 32]> {
        self.0.as_slice().try_into().map_err(|_| invalid("a key has not 32 bytes"))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Params {
    set: Option<String>,
    cadence: Option<String>,
    party: String,
    peer: String,
    role: String,
    identity_private: Option<Bytes>,
    one_time_prekey_privates: Vec<Bytes>,
    one_time_prekey_count: usize,
    ephemeral_private: Option<Bytes>,
    ratchet_private: Option<Bytes>,
    bundle: Option<Bundle>,
    envelope: Option<Envelope>,
    plaintext: Bytes,
    state: Bytes,
    message: Bytes,
    shared_secret: Bytes,
    ratchet_public: Bytes,
    chain_key: Bytes,
    message_key: Bytes,
    ratchet_key: Bytes,
    number: u64,
    steps: usize,
}

#[derive(Deserialize)]
struct Bundle {
    identity: Option<Bytes>,
    one_time_prekey: Option<Bytes>,
}

#[derive(Deserialize)]
struct Envelope {
    kind: String,
    body: Bytes,
}

/// The private key of a parameter that may be absent, as a draw to inject.
fn draw(key: &Option<Bytes>) -> Answer<Option<[u8; 32]>> {
    key.as_ref().map(Bytes::key).transpose()
}

fn hello() -> Value {
    json!({
        "protocol": 1, "name": "vodozemac", "version": vodozemac::VERSION, "language": "Rust",
        "profiles": ["x3dh", "ratchet"], "parameter_sets": [SET], "operations": OPERATIONS, "injects": true,
    })
}

type Parties = HashMap<String, Party>;

fn run(parties: &mut Parties, op: &str, p: &Params) -> Answer<Value> {
    if !OPERATIONS.contains(&op) {
        return Err(unsupported("no such operation"));
    }
    if p.set.as_deref().is_some_and(|s| s != SET) || p.cadence.as_deref().is_some_and(|c| c != "per-turn") {
        return Err(unsupported("no such set or cadence"));
    }
    match op {
        "hello" => Ok(hello()),
        "reset" => {
            parties.clear();
            Ok(json!({}))
        }
        "party.new" => add(parties, p, Party::create),
        "party.import" => add(parties, p, Party::import),
        "x3dh.initiate" => pieces::agree(p),
        "ratchet.chain" => pieces::chain(p),
        "ratchet.seal" => pieces::seal(p),
        "ratchet.open" => pieces::open(p),
        "ratchet.accumulate" => pieces::accumulate(p),
        "session.start" => parties.entry(p.party.clone()).or_insert_with(Party::bare).run(op, p),
        _ => parties.get_mut(&p.party).ok_or(invalid("no such party"))?.run(op, p),
    }
}

fn add(parties: &mut Parties, p: &Params, make: fn(&Params) -> Answer<(Party, Value)>) -> Answer<Value> {
    if parties.contains_key(&p.party) {
        return Err(invalid("the name is in use"));
    }
    let (party, result) = make(p)?;
    parties.insert(p.party.clone(), party);
    Ok(result)
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    op: String,
    #[serde(default)]
    params: Value,
}

fn answer(parties: &mut Parties, line: &str) -> Value {
    let request: Request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(e) => return json!({"id": 0, "error": invalid(&e.to_string()).reply()}),
    };
    let call = || {
        let params = match request.params {
            Value::Null => Params::default(),
            v => serde_json::from_value(v).map_err(|e| invalid(&e.to_string()))?,
        };
        run(parties, &request.op, &params)
    };
    // A panic of the library is a result: the process goes on.
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    rand::inject([]);
    match result.unwrap_or_else(|_| Err(Refusal::internal(&format!("panic in {}", request.op)))) {
        Ok(result) => json!({"id": request.id, "result": result}),
        Err(e) => json!({"id": request.id, "error": e.reply()}),
    }
}

fn main() -> io::Result<()> {
    let mut parties = Parties::new();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", answer(&mut parties, &line))?;
            out.flush()?;
        }
    }
    Ok(())
}
