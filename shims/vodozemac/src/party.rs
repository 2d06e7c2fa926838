//! What an application of the library keeps: an account and its sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vodozemac::{
    Curve25519PublicKey,
    olm::{Account, AccountPickle, Message, OlmMessage, PreKeyMessage, Session, SessionConfig, SessionPickle},
};

use crate::{
    Bundle, Bytes, Params, draw, pieces,
    refusal::{Answer, Refusal, invalid, unsupported},
};

/// The Matrix specification has applications keep several sessions with a peer, at least four: they read with any of
/// them, and send in the one that was used last, which is the first here.
const KEPT: usize = 4;

pub struct Party {
    account: Account,
    sessions: BTreeMap<String, Vec<Held>>, // by peer, in one order, as exports are compared
}

struct Held {
    session: Session,
    bare: bool, // started from a shared secret, so that there is no agreement to put into initial messages
}

#[derive(Serialize, Deserialize)]
struct Export {
    account: AccountPickle,
    sessions: BTreeMap<String, Vec<HeldExport>>,
}

#[derive(Serialize, Deserialize)]
struct HeldExport {
    session: SessionPickle,
    bare: bool,
}

impl Party {
    /// The library draws the Ed25519 key, the identity key and the one-time keys.
    pub fn create(p: &Params) -> Answer<(Self, Value)> {
        let mut draws = vec![None, draw(&p.identity_private)?];
        for key in &p.one_time_prekey_privates {
            draws.push(Some(key.key()?));
        }
        rand::inject(draws);
        let mut account = Account::new();
        let count = p.one_time_prekey_privates.len().max(p.one_time_prekey_count);
        let one_time_keys = account.generate_one_time_keys(count).created;
        account.mark_keys_as_published();
        let mut bundle = json!({"identity": hex::encode(account.curve25519_key().as_bytes())});
        if let Some(key) = one_time_keys.first() {
            bundle["one_time_prekey"] = hex::encode(key.as_bytes()).into();
        }
        Ok((Self { account, sessions: BTreeMap::new() }, json!({"bundle": bundle})))
    }

    pub fn import(p: &Params) -> Answer<(Self, Value)> {
        let state = serde_json::from_slice(&p.state.0).map_err(|e| invalid(&e.to_string()))?;
        let Export { account, sessions } =
            serde_json::from_value(bytes_from_text(state)).map_err(|e| invalid(&e.to_string()))?;
        let held = |h: HeldExport| Held { session: h.session.into(), bare: h.bare };
        let sessions = sessions.into_iter().map(|(peer, all)| (peer, all.into_iter().map(held).collect())).collect();
        Ok((Self { account: account.into(), sessions }, json!({})))
    }

    /// A party that has sessions from shared secrets, for which the keys of its account are never asked.
    pub fn bare() -> Self {
        Self { account: Account::new(), sessions: BTreeMap::new() }
    }

    pub fn run(&mut self, op: &str, p: &Params) -> Answer<Value> {
        match op {
            "party.export" => self.export(),
            "session.start" => self.start(p),
            "session.initiate" => self.initiate(p),
            "session.respond" => self.respond(p),
            "session.encrypt" => self.encrypt(p),
            "session.decrypt" => self.decrypt(p),
            _ => Err(unsupported("no such operation")),
        }
    }

    fn export(&self) -> Answer<Value> {
        let held = |h: &Held| HeldExport { session: h.session.pickle(), bare: h.bare };
        let sessions = self.sessions.iter().map(|(peer, all)| (peer.clone(), all.iter().map(held).collect())).collect();
        let state = serde_json::to_value(Export { account: self.account.pickle(), sessions })
            .map_err(|e| Refusal::internal(&e.to_string()))?;
        Ok(json!({"state": hex::encode(bytes_to_text(state).to_string())}))
    }

    /// The library draws the base key, then the ratchet key.
    fn initiate(&mut self, p: &Params) -> Answer<Value> {
        rand::inject([draw(&p.ephemeral_private)?, draw(&p.ratchet_private)?]);
        let session = outbound(&self.account, p)?;
        self.put(p, Held { session, bare: false });
        Ok(json!({}))
    }

    fn start(&mut self, p: &Params) -> Answer<Value> {
        rand::inject([draw(&p.ratchet_private)?]);
        let session = match p.role.as_str() {
            "initiator" => pieces::initiator(p)?,
            "responder" => pieces::responder(p)?,
            _ => return Err(invalid("no such role")),
        };
        self.sessions.insert(p.peer.clone(), vec![Held { session, bare: true }]);
        Ok(json!({}))
    }

    fn respond(&mut self, p: &Params) -> Answer<Value> {
        let envelope = p.envelope.as_ref().ok_or(invalid("no envelope"))?;
        let message = PreKeyMessage::from_bytes(&envelope.body.0)?;
        rand::inject([draw(&p.ratchet_private)?]);
        let created =
            self.account.create_inbound_session(SessionConfig::version_1(), message.identity_key(), &message)?;
        self.put(p, Held { session: created.session, bare: false });
        Ok(json!({"plaintext": hex::encode(created.plaintext)}))
    }

    fn encrypt(&mut self, p: &Params) -> Answer<Value> {
        let Held { session, bare } = &mut self.held(p)?[0];
        rand::inject([draw(&p.ratchet_private)?]);
        let (kind, body) = match session.encrypt(&p.plaintext.0)? {
            OlmMessage::PreKey(m) if *bare => ("ratchet", m.message().to_bytes()),
            OlmMessage::PreKey(m) => ("initial", m.to_bytes()),
            OlmMessage::Normal(m) => ("ratchet", m.to_bytes()),
        };
        Ok(json!({"envelope": {"kind": kind, "body": hex::encode(body)}}))
    }

    /// Tries each session; if none reads the message, the refusal of the current one counts. An initial message names
    /// its session, and the application finds the session by that name.
    fn decrypt(&mut self, p: &Params) -> Answer<Value> {
        let envelope = p.envelope.as_ref().ok_or(invalid("no envelope"))?;
        let message = match envelope.kind.as_str() {
            "initial" => OlmMessage::PreKey(PreKeyMessage::from_bytes(&envelope.body.0)?),
            _ => OlmMessage::Normal(Message::from_bytes(&envelope.body.0)?),
        };
        rand::inject([draw(&p.ratchet_private)?]);
        let mut refused = None;
        for (i, Held { session, .. }) in self.held(p)?.iter_mut().enumerate() {
            match attempt(session, &message) {
                Ok(plaintext) => {
                    let used = self.held(p)?.remove(i);
                    self.put(p, used);
                    return Ok(json!({"plaintext": hex::encode(plaintext)}));
                }
                Err(e) => refused = refused.or(Some(e)),
            }
        }
        Err(refused.unwrap_or(Refusal::internal("no session")))
    }

    fn held(&mut self, p: &Params) -> Answer<&mut Vec<Held>> {
        self.sessions.get_mut(&p.peer).ok_or(Refusal::rejected("not-ready", "no session"))
    }

    /// Puts a session in front of the others with the peer.
    fn put(&mut self, p: &Params, used: Held) {
        let all = self.sessions.entry(p.peer.clone()).or_default();
        all.insert(0, used);
        all.truncate(KEPT);
    }
}

fn attempt(session: &mut Session, message: &OlmMessage) -> Answer<Vec<u8>> {
    if let OlmMessage::PreKey(m) = message
        && m.session_id() != session.session_id()
    {
        return Err(Refusal::unclassed("the message is of another session"));
    }
    Ok(session.decrypt(message)?)
}

/// A session from a bundle, whose two keys the types of the library cannot leave out.
pub fn outbound(account: &Account, p: &Params) -> Answer<Session> {
    let Bundle { identity, one_time_prekey } = p.bundle.as_ref().ok_or(invalid("no bundle"))?;
    let (identity, one_time_key) = (public_key(identity)?, public_key(one_time_prekey)?);
    Ok(account.create_outbound_session(SessionConfig::version_1(), identity, one_time_key)?)
}

fn public_key(key: &Option<Bytes>) -> Answer<Curve25519PublicKey> {
    let key = key.as_ref().ok_or(Refusal::rejected("incomplete-bundle", "a key is absent"))?;
    Ok(Curve25519PublicKey::from_slice(&key.0)?)
}

/// What stands before the bytes of a key in an export.
const MARK: &str = "bytes:";

/// Writes keys as text: the pickles have them as lists of numbers, in which nobody could search for a key.
fn bytes_to_text(v: Value) -> Value {
    match v {
        Value::Array(list) => match bytes(&list) {
            Some(b) => format!("{MARK}{}", hex::encode(b)).into(),
            None => list.into_iter().map(bytes_to_text).collect(),
        },
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(k, v)| (k, bytes_to_text(v))).collect()),
        other => other,
    }
}

/// The bytes of a list of numbers that is a key, which has 32 or, for Ed25519 keys, more.
fn bytes(list: &[Value]) -> Option<Vec<u8>> {
    if list.len() < 32 {
        return None;
    }
    list.iter().map(|n| n.as_u64().and_then(|n| n.try_into().ok())).collect()
}

fn bytes_from_text(v: Value) -> Value {
    match v {
        Value::String(s) => match s.strip_prefix(MARK).map(hex::decode) {
            Some(Ok(b)) => b.into(),
            _ => s.into(),
        },
        Value::Array(list) => list.into_iter().map(bytes_from_text).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(k, v)| (k, bytes_from_text(v))).collect()),
        other => other,
    }
}
