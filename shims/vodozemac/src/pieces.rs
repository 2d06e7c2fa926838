//! The parts of the protocol that the library's low-level API shows.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vodozemac::{
    Curve25519PublicKey, Curve25519SecretKey,
    hazmat::olm::MessageKey,
    olm::{Account, Message, OlmMessage, RatchetPublicKey, Session, SessionConfig, SessionKeys, SessionPickle},
};

use crate::{
    Params, draw, party,
    refusal::{Answer, Refusal, invalid},
};

/// Stands where a key takes no part.
const NO_KEY: [u8; 32] = [0; 32];

/// The agreement of a session that is started from the bundle: its first root key and chain key.
pub fn agree(p: &Params) -> Answer<Value> {
    rand::inject([None, draw(&p.identity_private)?, draw(&p.ephemeral_private)?]);
    let session = party::outbound(&Account::new(), p)?;
    let state = session.active_sending_state().ok_or(Refusal::internal("no sending chain"))?;
    let secret = [*state.root_key, *state.chain_key].concat();
    Ok(json!({
        "shared_secret": hex::encode(secret), "associated_data": "",
        "ephemeral_key": hex::encode(session.session_keys().base_key.as_bytes()),
    }))
}

/// The first root key and chain key of a session.
fn start(shared_secret: &[u8]) -> Answer<([u8; 32], [u8; 32])> {
    match *shared_secret.as_chunks().0 {
        [root, chain] if shared_secret.len() == 64 => Ok((root, chain)),
        _ => Err(invalid("a shared secret has not 64 bytes")),
    }
}

fn public_key(key: &[u8]) -> Answer<Curve25519PublicKey> {
    Ok(Curve25519PublicKey::from_slice(key)?)
}

/// The keys of a session that no agreement has started.
fn no_keys() -> SessionKeys {
    let nobody = Curve25519PublicKey::from_bytes(NO_KEY);
    SessionKeys { identity_key: nobody, base_key: nobody, one_time_key: nobody }
}

/// The ratchet key is drawn by the library, so that a request can inject it.
pub fn initiator(p: &Params) -> Answer<Session> {
    let (root, chain) = start(&p.shared_secret.0)?;
    let ratchet = *Curve25519SecretKey::new().to_bytes();
    Ok(Session::from_root_key_material(SessionConfig::version_1(), no_keys(), root, chain, ratchet))
}

/// The library makes this side only from an initial message; what is here is the pickle of it.
pub fn responder(p: &Params) -> Answer<Session> {
    let (root, chain) = start(&p.shared_secret.0)?;
    receiving(root, public_key(&p.ratchet_public.0)?, json!({"key": chain, "index": 0}), json!([]))
}

/// A session that has received, from its pickle.
fn receiving(root: [u8; 32], ratchet_key: Curve25519PublicKey, chain: Value, skipped: Value) -> Answer<Session> {
    let pickle = json!({
        "session_keys": no_keys(),
        "sending_ratchet": {"type": "inactive", "root_key": {"key": root}, "ratchet_key": ratchet_key, "ratchet_count": {"Known": 0}},
        "receiving_chains": {"inner": [{
            "ratchet_key": ratchet_key, "hkdf_ratchet": chain, "skipped_message_keys": {"inner": skipped},
            "ratchet_count": {"Known": 0},
        }]},
        "config": SessionConfig::version_1(),
    });
    let pickle: SessionPickle = serde_json::from_value(pickle).map_err(|e| Refusal::internal(&e.to_string()))?;
    Ok(pickle.into())
}

/// A session whose sending chain has the chain key of the request. Its other keys take no part.
fn sending(p: &Params) -> Answer<Session> {
    let config = SessionConfig::version_1();
    Ok(Session::from_root_key_material(config, no_keys(), NO_KEY, p.chain_key.key()?, NO_KEY))
}

fn next(session: &mut Session) -> Answer<MessageKey> {
    session.next_message_key().ok_or(Refusal::internal("no message key"))
}

fn chain_key(session: &Session) -> Answer<String> {
    let state = session.active_sending_state().ok_or(Refusal::internal("no sending chain"))?;
    Ok(hex::encode(*state.chain_key))
}

pub fn chain(p: &Params) -> Answer<Value> {
    let mut session = sending(p)?;
    let key = next(&mut session)?;
    Ok(json!({"chain_key": chain_key(&session)?, "message_key": hex::encode(key.key())}))
}

pub fn accumulate(p: &Params) -> Answer<Value> {
    let mut session = sending(p)?;
    let mut digest = Sha256::new();
    for _ in 0..p.steps {
        digest.update(next(&mut session)?.key());
    }
    Ok(json!({"chain_key": chain_key(&session)?, "digest": hex::encode(digest.finalize())}))
}

pub fn seal(p: &Params) -> Answer<Value> {
    let ratchet_key = RatchetPublicKey::from(public_key(&p.ratchet_key.0)?.to_bytes());
    let key = MessageKey::new(p.message_key.key()?.into(), ratchet_key, p.number);
    let message = key.encrypt_truncated_mac(&p.plaintext.0);
    Ok(json!({"message": hex::encode(message.to_bytes())}))
}

/// Opens the message in a session that has skipped it and kept its key.
pub fn open(p: &Params) -> Answer<Value> {
    let message = Message::from_bytes(&p.message.0)?;
    let index = message.chain_index();
    let chain = json!({"key": NO_KEY, "index": index.saturating_add(1)});
    let skipped = json!([{"key": p.message_key.key()?, "index": index}]);
    let mut session = receiving(NO_KEY, message.ratchet_key(), chain, skipped)?;
    Ok(json!({"plaintext": hex::encode(session.decrypt(&OlmMessage::Normal(message))?)}))
}
