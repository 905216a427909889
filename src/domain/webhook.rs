//! Webhooks, signed as Standard Webhooks says (<https://www.standardwebhooks.com>, version 1.0.0):
//! HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in base64 behind `v1,`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::names::Role;
use super::time::Timestamp;

/// How far the sender's clock may be from ours, either way.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// What a secret begins with; the rest is base64.
const PREFIX: &str = "whsec_";

/// What a signature of this kind begins with.
const VERSION: &str = "v1";

/// The longest id that is taken.
pub const LONGEST_ID: usize = 256;

/// An address of ours that other programs may post to, as configured.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What it may start, like a person of these roles. It never approves.
    pub roles: Vec<Role>,
    /// How a sender shows that they may use it.
    pub proof: Proof,
}

/// How a sender shows that they may use a hook.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Each message is signed by one of these: there are two while they are being changed.
    Signature(Vec<SigningSecret>),
    /// `Authorization: Bearer TOKEN`, for senders that cannot sign.
    Bearer(BearerToken),
}

/// A token, of which only the SHA-256 is kept.
#[derive(Clone, Debug)]
pub struct BearerToken([u8; 32]);

impl BearerToken {
    /// This token.
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether it is this one. Takes the same time for every wrong one.
    pub fn is(&self, token: &str) -> bool {
        Sha256::digest(token).ct_eq(&self.0).into()
    }
}

/// A secret that sender and receiver share. The secret itself cannot be read back.
#[derive(Clone, Debug)]
pub struct SigningSecret(Hmac<Sha256>);

/// A text that is no secret to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is written `whsec_` and the base64 of 24 to 64 random bytes")]
pub struct BadSecret;

/// What a sender says of one message, as its headers have it.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `webhook-id`: the same for every try to deliver the same message.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970, when this try was made.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more `v1,BASE64`, with spaces between them.
    pub signatures: &'a str,
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The id is empty, long, or has a dot in it.
    #[error("`webhook-id` must be a text of 1 to {LONGEST_ID} characters without a dot")]
    Id,
    /// The timestamp is no number.
    #[error("`webhook-timestamp` must be the seconds since 1970 as a whole number")]
    Timestamp,
    /// Somebody may be sending an old message once more.
    #[error("`webhook-timestamp` is more than five minutes in the past")]
    TooOld,
    /// The sender's clock is wrong, or ours.
    #[error("`webhook-timestamp` is more than five minutes in the future: compare the clocks")]
    TooNew,
    /// No signature is that of this id, timestamp and body by a secret that we know.
    #[error(
        "no `v1` signature in `webhook-signature` fits: the secret is another one, or the message \
         was altered"
    )]
    Signature,
}

impl SigningSecret {
    /// Reads `whsec_BASE64`.
    ///
    /// # Errors
    /// It is written otherwise, or too short to be safe.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(BadSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Hmac::new_from_slice(&bytes)
            .map(Self)
            .map_err(|_| BadSecret)
    }

    /// The signature of a message: `v1,BASE64`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.mac(id, &timestamp.to_string(), body);
        format!("{VERSION},{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Whether one of the signatures is ours. Takes the same time for every wrong one.
    fn has_signed(&self, signed: &Signed<'_>, body: &[u8]) -> bool {
        let mac = self.mac(signed.id, signed.timestamp, body);
        signed.signatures.split(' ').any(|signature| {
            let encoded = signature
                .split_once(',')
                .filter(|(version, _)| *version == VERSION);
            let decoded = encoded.and_then(|(_, encoded)| STANDARD.decode(encoded).ok());
            decoded.is_some_and(|bytes| mac.clone().verify_slice(&bytes).is_ok())
        })
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for piece in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(piece);
        }
        mac
    }
}

/// Believes a message if it is of now and one of these secrets has signed it. A receiver knows two
/// secrets while they are being changed.
///
/// # Errors
/// Why it is not believed. None of it tells anything about a secret.
pub fn verify(
    secrets: &[SigningSecret],
    signed: &Signed<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unproven> {
    if signed.id.is_empty() || signed.id.len() > LONGEST_ID || signed.id.contains('.') {
        return Err(Unproven::Id);
    }
    let sent: i64 = signed.timestamp.parse().map_err(|_| Unproven::Timestamp)?;
    let tolerance = i64::try_from(TOLERANCE.as_secs()).unwrap_or(i64::MAX);
    let now = now.micros().div_euclid(1_000_000);
    if sent < now.saturating_sub(tolerance) {
        return Err(Unproven::TooOld);
    }
    if sent > now.saturating_add(tolerance) {
        return Err(Unproven::TooNew);
    }
    if !secrets.iter().any(|secret| secret.has_signed(signed, body)) {
        return Err(Unproven::Signature);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn believed(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> Result<(), Unproven> {
        let secrets = [SigningSecret::parse(SECRET).unwrap()];
        let signed = Signed {
            id,
            timestamp,
            signatures,
        };
        verify(&secrets, &signed, body, at(SENT))
    }

    #[test]
    fn the_example_of_the_specification_is_signed_and_believed() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(secret.sign(ID, SENT, BODY), SIGNATURE);
        assert_eq!(believed(ID, &SENT.to_string(), SIGNATURE, BODY), Ok(()));
    }

    #[test]
    fn one_good_signature_among_others_is_enough() {
        let sent = SENT.to_string();
        let many = format!("v1a,{} v1,AAAA {SIGNATURE} v2,x", &SIGNATURE[3..]);
        assert_eq!(believed(ID, &sent, &many, BODY), Ok(()));
        let other_kind = SIGNATURE.replace("v1,", "v1a,");
        let none = believed(ID, &sent, &other_kind, BODY);
        assert_eq!(none, Err(Unproven::Signature));
    }

    #[test]
    fn what_was_altered_is_not_believed() {
        let sent = SENT.to_string();
        let later = (SENT + 1).to_string();
        for (id, timestamp, body) in [
            ("msg_other", sent.as_str(), BODY),
            (ID, later.as_str(), BODY),
            (ID, sent.as_str(), &b"{}"[..]),
        ] {
            let told = believed(id, timestamp, SIGNATURE, body);
            assert_eq!(told, Err(Unproven::Signature), "{id} {timestamp}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_the_limit() {
        let secrets = [SigningSecret::parse(SECRET).unwrap()];
        let told = |now: i64| {
            let signed = Signed {
                id: ID,
                timestamp: "1614265330",
                signatures: SIGNATURE,
            };
            verify(&secrets, &signed, BODY, at(now))
        };
        assert_eq!(told(SENT + 300), Ok(()));
        assert_eq!(told(SENT + 301), Err(Unproven::TooOld));
        assert_eq!(told(SENT - 300), Ok(()));
        assert_eq!(told(SENT - 301), Err(Unproven::TooNew));
    }

    #[test]
    fn what_is_badly_written_is_named() {
        let sent = SENT.to_string();
        assert_eq!(believed("", &sent, SIGNATURE, BODY), Err(Unproven::Id));
        assert_eq!(believed("a.b", &sent, SIGNATURE, BODY), Err(Unproven::Id));
        for timestamp in ["", "now", "1e9", "99999999999999999999"] {
            let told = believed(ID, timestamp, SIGNATURE, BODY);
            assert_eq!(told, Err(Unproven::Timestamp), "{timestamp}");
        }
        for secret in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(
                SigningSecret::parse(secret).err(),
                Some(BadSecret),
                "{secret}"
            );
        }
    }
}
