//! What the errors of the library are called in the shim protocol.

use serde_json::{Value, json};
use vodozemac::{
    DecodeError, KeyError,
    olm::{DecryptionError, EncryptionError, SessionCreationError},
};

pub struct Refusal {
    code: &'static str,
    class: Option<&'static str>,
    message: String,
}

pub type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub fn rejected(class: &'static str, message: &str) -> Self {
        Self { code: "rejected", class: Some(class), message: message.into() }
    }

    /// Refused for a reason that has no class.
    pub fn unclassed(message: &str) -> Self {
        Self { code: "rejected", class: None, message: message.into() }
    }

    pub fn internal(message: &str) -> Self {
        Self { code: "internal", class: None, message: message.into() }
    }

    pub fn reply(&self) -> Value {
        let mut v = json!({"code": self.code, "message": self.message});
        if let Some(class) = self.class {
            v["class"] = class.into();
        }
        v
    }
}

pub fn invalid(message: &str) -> Refusal {
    Refusal { code: "invalid-request", class: None, message: message.into() }
}

pub fn unsupported(message: &str) -> Refusal {
    Refusal { code: "unsupported", class: None, message: message.into() }
}

/// A message that the library cannot decode.
impl From<DecodeError> for Refusal {
    fn from(e: DecodeError) -> Self {
        Self::rejected("malformed", &e.to_string())
    }
}

/// A key of a wrong length.
impl From<KeyError> for Refusal {
    fn from(e: KeyError) -> Self {
        Self::rejected("malformed", &e.to_string())
    }
}

impl From<DecryptionError> for Refusal {
    fn from(e: DecryptionError) -> Self {
        let class = match e {
            DecryptionError::InvalidMAC(_) | DecryptionError::InvalidPadding(_) => "authentication",
            DecryptionError::InvalidMACLength(..) => "malformed",
            DecryptionError::NonContributoryKey => "low-order-key",
            DecryptionError::MissingMessageKey(_) => "duplicate",
            DecryptionError::TooBigMessageGap(..) => "skip-limit",
        };
        Self::rejected(class, &e.to_string())
    }
}

impl From<EncryptionError> for Refusal {
    fn from(e: EncryptionError) -> Self {
        Self::rejected("low-order-key", &e.to_string())
    }
}

impl From<SessionCreationError> for Refusal {
    fn from(e: SessionCreationError) -> Self {
        let class = match e {
            SessionCreationError::Decryption(inner) => return inner.into(),
            SessionCreationError::MissingOneTimeKey(_) => "unknown-prekey",
            SessionCreationError::NonContributoryKey => "low-order-key",
            SessionCreationError::MismatchedSessionConfig { .. } => "malformed",
            SessionCreationError::MismatchedIdentityKey(..) => "authentication",
        };
        Self::rejected(class, &e.to_string())
    }
}
