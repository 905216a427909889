//! The keys that the realm signs and encrypts with.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::NaiveDateTime;
use serde::Deserialize;

use super::connection::{Call, Keycloak, Right};
use crate::action::Result;
use crate::domain::time::Timestamp;

/// A key of the realm, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RealmKey {
    pub(super) kid: String,
    pub(super) algorithm: String,
    /// `active`: it signs. `passive`: what it signed is still good. `disabled`: neither.
    pub(super) state: String,
    /// Since when its certificate is valid, where it has one.
    pub(super) since: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    algorithm: String,
    #[serde(default)]
    status: String,
    certificate: Option<String>,
}

impl From<Shown> for RealmKey {
    fn from(shown: Shown) -> Self {
        Self {
            since: shown.certificate.as_deref().and_then(valid_since),
            kid: shown.kid,
            algorithm: shown.algorithm,
            state: shown.status.to_lowercase(),
        }
    }
}

impl Keycloak {
    /// The keys of the realm, those that sign first.
    pub(super) async fn keys(&self) -> Result<Vec<RealmKey>> {
        #[derive(Deserialize)]
        struct Keys {
            #[serde(default)]
            keys: Vec<Shown>,
        }
        let call = Call::get("read the realm's keys", Right::ViewRealm, "keys");
        let keys = self.look::<Keys>(&call).await?.keys.into_iter();
        let mut keys: Vec<_> = keys.map(RealmKey::from).collect();
        keys.sort_by(|one, other| {
            let place =
                |key: &RealmKey| (key.state.clone(), key.algorithm.clone(), key.kid.clone());
            place(one).cmp(&place(other))
        });
        Ok(keys)
    }
}

/// Since when a certificate of X.509, in Base64, is valid.
fn valid_since(certificate: &str) -> Option<Timestamp> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let der = BASE64_STANDARD.decode(certificate.trim()).ok()?;
    let (_, certificate, _) = element(&der)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // Behind serial number, algorithm and issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (SEQUENCE, validity, _) = element(rest)? else {
        return None;
    };
    let (tag, since, _) = element(validity)?;
    let since = std::str::from_utf8(since).ok()?;
    let since = match tag {
        // Years from 1950 to 2049, as the standard has it.
        UTC_TIME => {
            let century = if since.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{since}")
        }
        GENERALIZED_TIME => since.to_owned(),
        _ => return None,
    };
    let since = NaiveDateTime::parse_from_str(&since, "%Y%m%d%H%M%SZ").ok()?;
    Some(Timestamp::from_micros(since.and_utc().timestamp_micros()))
}

/// The first element of DER: its tag, what it holds, and what comes behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let digits = digits.iter();
            let length = digits.fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (held, behind) = rest.split_at_checked(length)?;
    Some((*tag, held, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of a realm that was made at 2026-11-26T23:06:47Z.
    const CERTIFICATE: &str = "MIICoTCCAYkCBgGiGhyKSjANBgkqhkiG9w0BAQsFADAUMRIwEAYDVQQDDAlwcm9iZS1pbnYwHhcNMjYxMTI2MjMwNTA3WhcNMzYxMTI2MjMwNjQ3WjAUMRIwEAYDVQQDDAlwcm9iZS1pbnYwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCdNU3S4o+iajSwfrnA53mJROBv4/77ernwDDaaw86UGPr2yr5WHRI1/mkdLCETs22u6H2zbiTiFQGrm6HV8oSrRzcuICQskI9ETJt+khJ8NBZLxb+MSlOs8SXI0xa3nxA4srZOpO2EO3CXRa0j1lU2xiZwnRYGAdV7eu1hmJr/o8SV8WpWUZvhwnV86e8WyCEU8b/FSCSpQLAuGt9quqAAM6tYDmzlUWU8u7vDSisBUfPvdhVtaiQVLcsOvZBgSwanx4wsJZHu5e0A14iWl41k0mCBU08QxqBjUyVSCvGPw1I7/7HnFgx1PTmIJuXPOgG0yvChK4C/ls2gELDKATr/AgMBAAEwDQYJKoZIhvcNAQELBQADggEBAA7tPiszQffrrCq/jNCKsrXIn3kZnN6wFf4gnJ9dqeMo0hpOuYOl1HQrzh9yiX5FjEU10ZN4nc9+NscfedzpJv7MS0JkoQjdSdJz2bLVzdgN4oYjwRoHJaR5+ol0L3mmr5x+PUSg8cZHLZI1V0CPRcBACuX+ikyeLN86HVEoU+orxoJs1PgzZ/Cqq9EXT2JTxtyhdcWUoe/wBcNvpp7GZaXD9NQ6AjorO6p5pE5oACwUvgs4Lk4iksGby5q4QFIRHhFP/w+f9WNRC1EwjNue5ywd0bgp6rLIPyGlBEJMDKXnSbMsXDwRfVz56x0BC0gnmgVBNVopX2rk40uHbjkuFN0=";

    #[test]
    fn a_certificate_says_since_when_it_is_valid() {
        let since = valid_since(CERTIFICATE).unwrap().to_string();
        // Keycloak dates them back by 100 seconds, for clocks that are slow.
        assert_eq!(since, "2026-11-26T23:05:07Z");
        assert_eq!(valid_since("bm90aGluZw=="), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_no_certificate_is_read_beyond_its_end(bytes: Vec<u8>, cut in 0_usize..600) {
            valid_since(&BASE64_STANDARD.encode(&bytes));
            let der = BASE64_STANDARD.decode(CERTIFICATE).unwrap();
            valid_since(&BASE64_STANDARD.encode(&der[..cut]));
        }
    }
}
