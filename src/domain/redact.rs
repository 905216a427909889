//! The second net under secrets: masks every known one in whatever leaves the process.
//!
//! The first net is that secrets travel as `SecretString` and are never put into text. This one
//! catches what another system echoes back: a URL with a password in an error, a token in a log.

use std::collections::BTreeSet;
use std::sync::RwLock;

use serde_json::Value;

/// What a secret is replaced by.
pub const MASK: &str = "[secret]";

/// Shorter values are not masked: they would match inside ordinary words. In bytes.
pub const SHORTEST: usize = 8;

/// Every secret that was read or issued, in the forms in which it may turn up.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another is masked whole.
    forms: RwLock<BTreeSet<ByLength>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ByLength(std::cmp::Reverse<usize>, String);

impl Redactor {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `secret` is masked: as it is, base64-encoded and percent-encoded. So is each line
    /// of one that has several, as of a key in PEM, because programs print line by line; and the
    /// password in one that is a URL, because programs print that alone.
    pub fn learn(&self, secret: &str) {
        self.learn_whole(secret);
        if secret.trim().contains('\n') {
            let is_frame = |line: &&str| line.starts_with("-----");
            let lines = secret.lines().map(str::trim);
            lines
                .filter(|line| !is_frame(line))
                .for_each(|line| self.learn_whole(line));
        }
        if let Some(password) = password_in(secret) {
            self.learn_whole(&password);
        }
    }

    fn learn_whole(&self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            return;
        }
        let mut forms = self
            .forms
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for form in [
            secret.to_owned(),
            percent_encoded(secret),
            json_escaped(secret),
        ]
        .into_iter()
        .chain(base64_forms(secret.as_bytes()))
        {
            forms.insert(ByLength(std::cmp::Reverse(form.len()), form));
        }
    }

    /// `text` with every known secret masked.
    pub fn text(&self, text: &str) -> String {
        let forms = self
            .forms
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut clean = text.to_owned();
        for ByLength(_, form) in forms.iter() {
            if clean.contains(form.as_str()) {
                clean = clean.replace(form.as_str(), MASK);
            }
        }
        clean
    }

    /// `value` with every known secret masked in its texts. Keys stay: they are names of ours.
    pub fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| (key, self.json(value)))
                .collect(),
            plain => plain,
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// The password of a URL, decoded.
fn password_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let (login, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    let decoded = percent_encoding::percent_decode_str(password).decode_utf8();
    decoded.ok().map(std::borrow::Cow::into_owned)
}

/// RFC 3986: everything but unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
        out
    })
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The parts of base64 text (both alphabets) that do not depend on the neighbours, for each of
/// the three ways in which the secret can lie across the encoder's groups of three bytes.
fn base64_forms(secret: &[u8]) -> impl Iterator<Item = String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    let secret = secret.to_vec();
    (0..3usize).flat_map(move |shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(&secret);
        let whole_groups = padded.len() / 3 * 3;
        let skip = if shift == 0 { 0 } else { 4 };
        [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ]
        .into_iter()
        .filter_map(move |text| text.get(skip..whole_groups / 3 * 4).map(str::to_owned))
        .filter(|form| form.len() >= SHORTEST)
        .collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_password_is_masked_in_a_url_and_in_an_authorization_header() {
        let redactor = Redactor::new();
        redactor.learn("s3cret/word+");
        assert_eq!(
            redactor.text("postgres://app:s3cret%2Fword%2B@db/orders refused"),
            "postgres://app:[secret]@db/orders refused"
        );
        let header = STANDARD.encode("app:s3cret/word+");
        assert!(
            redactor.text(&header).contains(MASK),
            "{}",
            redactor.text(&header)
        );
    }

    #[test]
    fn a_key_of_several_lines_is_masked_line_by_line_and_its_frame_is_not() {
        let redactor = Redactor::new();
        redactor
            .learn("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----");
        assert_eq!(
            redactor.text("-----BEGIN KEY-----|hkiG9w0BAQEFAASC|MIIEvQIBADANBgkq"),
            "-----BEGIN KEY-----|[secret]|[secret]"
        );
    }

    #[test]
    fn the_password_of_a_url_is_masked_alone_too() {
        let redactor = Redactor::new();
        redactor.learn("postgres://app:s3cret%2Fword@db:5432/orders");
        assert_eq!(
            redactor.text("PGPASSWORD=s3cret/word at db:5432"),
            "PGPASSWORD=[secret] at db:5432"
        );
        for no_login in ["no url at all", "http://host:80/a@b:c", "x://a@b"] {
            assert_eq!(password_in(no_login), None, "{no_login}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_plain_text_or_base64(
            secret in "[!-~]{8,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}"
        ) {
            let redactor = Redactor::new();
            redactor.learn(&secret);
            let plain = redactor.text(&format!("{before}{secret}{after}"));
            prop_assert!(!plain.contains(&secret));
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            prop_assert!(redactor.text(&encoded).contains(MASK));
        }
    }
}
