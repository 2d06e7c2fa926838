//! The parts of the protocol that the library's low-level API shows.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vodozemac::{
    Curve25519PublicKey,
    olm::{Account, RatchetPublicKey, Session, SessionConfig, SessionKeys},
    hazmat::olm::MessageKey,
};

use crate::{
    Params, draw, party,
    refusal::{Answer, Refusal, invalid},
};

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

/// A session whose sending chain has the chain key of the request. Its other keys take no part.
fn sending(p: &Params) -> Answer<Session> {
    let nobody = Curve25519PublicKey::from_bytes([0; 32]);
    let keys = SessionKeys { identity_key: nobody, base_key: nobody, one_time_key: nobody };
    let config = SessionConfig::version_1();
    Ok(Session::from_root_key_material(config, keys, [0; 32], p.chain_key.key()?, [0; 32]))
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
    let ratchet_key: [u8; 32] =
        p.ratchet_key.0.as_slice().try_into().map_err(|_| invalid("a ratchet key has not 32 bytes"))?;
    let key = MessageKey::new(p.message_key.key()?.into(), RatchetPublicKey::from(ratchet_key), p.number);
    let message = key.encrypt_truncated_mac(&p.plaintext.0);
    Ok(json!({"message": hex::encode(message.to_bytes())}))
}
