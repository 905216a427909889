//! The second net under secrets: masks every known one in whatever leaves the process.
//!
//! The first net is that secrets travel as `SecretString` and are never put into text. This one
//! catches what another system echoes back: a URL with a password in an error, a token in a log.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::escapes::Unescaped;
use super::names::RunId;

/// What a secret is replaced by.
pub const MASK: &str = "[secret]";

/// Shorter values are not masked: they would match inside ordinary words. In bytes.
pub const SHORTEST: usize = 8;

/// Whether a secret, and each password in it, is long enough to be masked.
pub fn can_be_masked(secret: &str) -> bool {
    Parts::of(secret).are_long
}

/// Those that were given to runs which have ended are masked for so many runs more.
const ENDED_RUNS: usize = 256;

/// Every secret that was read, issued or given, in the forms in which it may turn up.
#[derive(Default)]
pub struct Redactor(RwLock<Known>);

#[derive(Default)]
struct Known {
    forms: Forms,
    /// What runs were given, in the order in which they were asked for.
    given: BTreeMap<RunId, Vec<SecretString>>,
}

/// Each with how many secrets have it, longest first, so that a secret that contains another is masked
/// whole.
#[derive(Default)]
struct Forms {
    /// As it is, and in encodings of which every encoder makes the same.
    plain: BTreeMap<ByLength<String>, usize>,
    /// What a percent-encoded text stands for that holds it.
    unescaped: BTreeMap<ByLength<Vec<u8>>, usize>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ByLength<T>(std::cmp::Reverse<usize>, T);

impl Redactor {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `secret` is masked: as it is, base64-encoded and percent-encoded. So is each line
    /// of one that has several, as of a key in PEM, because programs print line by line; and the
    /// password in one that is a URL, because programs print that alone.
    ///
    /// Says whether the whole and each password in it are long enough to be masked. Of a short line
    /// among others that is not said: the last one of a key often is.
    pub fn learn(&self, secret: &str) -> bool {
        let parts = Parts::of(secret);
        self.write().forms.add(&parts);
        parts.are_long
    }

    /// The same of what a run was given, until [`Self::forget`].
    pub fn learn_given(&self, run: RunId, secret: &SecretString) -> bool {
        let parts = Parts::of(secret.expose_secret());
        let mut known = self.write();
        let of_run = known.given.entry(run).or_default();
        if !of_run
            .iter()
            .any(|one| one.expose_secret() == secret.expose_secret())
        {
            of_run.push(secret.clone());
            known.forms.add(&parts);
        }
        parts.are_long
    }

    /// Forgets what runs were given that are not `live`, but for the last of them: what others still
    /// have to say of a run may come behind its end.
    pub fn forget(&self, live: impl Fn(&RunId) -> bool) {
        let mut known = self.write();
        let ended = known.given.keys().filter(|run| !live(run));
        let ended: Vec<RunId> = ended.copied().collect();
        for run in &ended[..ended.len().saturating_sub(ENDED_RUNS)] {
            for secret in known.given.remove(run).into_iter().flatten() {
                known.forms.remove(&Parts::of(secret.expose_secret()));
            }
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `text` with every known secret masked.
    pub fn text(&self, text: &str) -> String {
        let forms = &self.read().forms;
        let mut clean = forms.without_escaped(text);
        for ByLength(_, form) in forms.plain.keys() {
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

/// What is masked of a secret.
struct Parts {
    masked: BTreeSet<String>,
    /// Whether the whole and each password in it are long enough.
    are_long: bool,
}

impl Parts {
    fn of(secret: &str) -> Self {
        let mut parts = Self {
            masked: BTreeSet::new(),
            are_long: true,
        };
        parts.are_long &= parts.take(secret);
        if secret.trim().contains('\n') {
            let is_frame = |line: &&str| line.starts_with("-----");
            let lines = secret.lines().map(str::trim);
            for line in lines.filter(|line| !is_frame(line)) {
                parts.take(line);
            }
        }
        for url in secret.lines() {
            let of_login = login_password(url).map(|password| (password, decoded(password)));
            let of_query = query_passwords(url).map(|password| (password, form_decoded(password)));
            for (spelled, password) in of_login.into_iter().chain(of_query) {
                parts.are_long &= parts.take(&password);
                // Where it stands for no text, programs can print it as it is spelled only.
                parts.take(spelled);
            }
        }
        parts
    }

    /// Whether it is long enough.
    fn take(&mut self, part: &str) -> bool {
        let part = part.trim();
        let is_long = part.len() >= SHORTEST;
        if is_long {
            self.masked.insert(part.to_owned());
        }
        is_long
    }

    fn plain_forms(&self) -> impl Iterator<Item = ByLength<String>> {
        let forms = self.masked.iter().flat_map(|part| {
            let plain = [part.clone(), json_escaped(part), with_plus(part)];
            plain.into_iter().chain(base64_forms(part.as_bytes()))
        });
        forms.map(|form| ByLength(std::cmp::Reverse(form.len()), form))
    }

    fn unescaped_forms(&self) -> impl Iterator<Item = ByLength<Vec<u8>>> {
        let forms = self.masked.iter().flat_map(|part| {
            // What looks encoded may be printed as it is.
            let looks_encoded = Unescaped::of(part).map(Unescaped::into_bytes);
            let unescaped = [part.clone(), with_plus(part)].map(String::into_bytes);
            unescaped.into_iter().chain(looks_encoded)
        });
        let forms = forms.filter(|form| form.len() >= SHORTEST);
        forms.map(|form| ByLength(std::cmp::Reverse(form.len()), form))
    }
}

/// A blank is encoded as `+` by some.
fn with_plus(text: &str) -> String {
    text.replace(' ', "+")
}

impl Forms {
    fn add(&mut self, parts: &Parts) {
        for form in parts.plain_forms() {
            *self.plain.entry(form).or_default() += 1;
        }
        for form in parts.unescaped_forms() {
            *self.unescaped.entry(form).or_default() += 1;
        }
    }

    fn remove(&mut self, parts: &Parts) {
        for form in parts.plain_forms() {
            one_less(&mut self.plain, form);
        }
        for form in parts.unescaped_forms() {
            one_less(&mut self.unescaped, form);
        }
    }

    fn without_escaped(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        if let Some(unescaped) = Unescaped::of(text) {
            let forms = self.unescaped.keys().map(|ByLength(_, form)| &form[..]);
            let mut places = unescaped.places_of(forms);
            places.sort_by_key(|place| std::cmp::Reverse(place.start));
            // From behind, so that the places of the others stay.
            for place in places {
                clean.replace_range(place, MASK);
            }
        }
        clean
    }
}

fn one_less<F: Ord>(counted: &mut BTreeMap<F, usize>, form: F) {
    if let Entry::Occupied(mut counted) = counted.entry(form) {
        *counted.get_mut() -= 1;
        if *counted.get() == 0 {
            counted.remove();
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// The password of a URL, decoded: the last `password` of its query, as clients of PostgreSQL read
/// it, else the one of its login.
pub fn password_in(url: &str) -> Option<String> {
    let of_query = query_passwords(url).last().map(form_decoded);
    of_query.or_else(|| login_password(url).map(decoded))
}

/// The password in a URL's login, as it is spelled there.
fn login_password(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let (login, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

/// Every value of `password` in a URL's query, as it is spelled there.
fn query_passwords(text: &str) -> impl Iterator<Item = &str> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let url = rest.split('#').next().unwrap_or("").trim_end();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, value)| form_decoded(key) == "password" && !value.is_empty())
        .map(|(_, value)| value)
}

/// As values of a query are read, in which `+` is a blank.
fn form_decoded(text: &str) -> String {
    decoded(&text.replace('+', " "))
}

fn decoded(password: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(password);
    decoded.decode_utf8_lossy().into_owned()
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The parts of base64 text (both alphabets) that do not depend on the neighbours, for each of
/// the three ways in which the secret can lie across the encoder's groups of three bytes; and the same
/// where nothing follows, up to the end, padded or not.
fn base64_forms(secret: &[u8]) -> impl Iterator<Item = String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    let secret = secret.to_vec();
    (0..3usize).flat_map(move |shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(&secret);
        let whole_groups = padded.len() / 3 * 4;
        let skip = if shift == 0 { 0 } else { 4 };
        let forms = [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ];
        let last = [STANDARD.encode(&padded), URL_SAFE.encode(&padded)];
        let amid = forms
            .clone()
            .map(|form| form.get(skip..whole_groups).map(str::to_owned));
        let last = last
            .into_iter()
            .chain(forms)
            .map(|form| form.get(skip..).map(str::to_owned));
        let all: Vec<_> = amid.into_iter().chain(last).flatten().collect();
        all.into_iter().filter(|form| form.len() >= SHORTEST)
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
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
        for none in [
            "no url at all",
            "http://host:80/a@b:c",
            "x://a@b",
            "x://a:@b",
            "x://b/?password=",
            "x://b/?passwords=a&b#?password=c",
        ] {
            assert_eq!(password_in(none), None, "{none}");
        }
    }

    #[test]
    fn the_password_in_the_query_of_a_url_is_one_too() {
        let url = "postgres:///orders?host=/run/db&password=s3cret%2Fw+rd%2B&user=app";
        assert_eq!(password_in(url).as_deref(), Some("s3cret/w rd+"));
        let redactor = Redactor::new();
        assert!(redactor.learn(url));
        for printed in ["s3cret/w rd+", "s3cret%2Fw+rd%2B", "s3cret%2fw%20rd%2b"] {
            assert_eq!(redactor.text(&format!("<{printed}>")), "<[secret]>");
        }
        assert!(!redactor.learn("postgres://db/orders?password=1234"));
    }

    #[test]
    fn the_last_password_of_the_query_is_the_one_that_is_used_and_all_are_masked() {
        let url = "postgres://app:of-the-login@db/orders?password=the-first&password=the-second";
        assert_eq!(password_in(url).as_deref(), Some("the-second"));
        let redactor = Redactor::new();
        redactor.learn(url);
        assert_eq!(
            redactor.text("of-the-login, the-first, the-second"),
            "[secret], [secret], [secret]"
        );
    }

    /// What encoders of several languages make of a text: they differ in what they leave as it is.
    fn percent_encodings(text: &str) -> Vec<String> {
        let leaving = |left: &str, space: &str| -> String {
            let encoded = text.bytes().map(|byte| match char::from(byte) {
                ' ' => space.to_owned(),
                c if c.is_ascii_alphanumeric() || left.contains(c) => c.to_string(),
                _ => format!("%{byte:02X}"),
            });
            encoded.collect()
        };
        let upper = [
            leaving("-._~", "%20"),          // RFC 3986
            leaving("-_.!~*'()", "%20"),     // encodeURIComponent of JavaScript
            leaving("-._~/", "%20"),         // quote of Python
            leaving("-._~", "+"),            // quote_plus of Python, QueryEscape of Go
            leaving("-._~$&+,;=", "%20"),    // UserPassword of Go
            leaving("-._~!$&'()*+,", "%20"), // URLs in browsers
        ];
        let lower = upper.clone().map(|text| {
            let mut parts = text.split('%').map(str::to_owned).collect::<Vec<_>>();
            for part in parts.iter_mut().skip(1) {
                let hex = part.get(..2).unwrap_or("").to_lowercase();
                part.replace_range(..hex.len(), &hex);
            }
            parts.join("%")
        });
        upper.into_iter().chain(lower).collect()
    }

    #[test]
    fn the_password_of_a_url_is_masked_however_it_is_spelled() {
        let redactor = Redactor::new();
        redactor.learn("postgres://app:s3cret%2fw(o)rd!@db:5432/orders");
        for spelled in [
            "s3cret/w(o)rd!",
            "s3cret%2Fw(o)rd!",
            "s3cret%2fw%28o%29rd%21",
            "s3cret/w%28o)rd!",
        ] {
            assert_eq!(
                redactor.text(&format!("PGPASSWORD={spelled} at db:5432")),
                "PGPASSWORD=[secret] at db:5432"
            );
        }
    }

    #[test]
    fn it_says_whether_the_whole_and_its_password_are_long_enough() {
        let redactor = Redactor::new();
        for (secret, is_masked) in [
            ("a-long-password", true),
            ("1234", false),
            ("postgres://app:a-long-password@db/orders", true),
            ("postgres://app:1234@db/orders", false),
            ("A=http://a:1234@a/\nB=http://b:a-long-password@b/", false),
            (
                "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nFw==\n-----END KEY-----",
                true,
            ),
        ] {
            assert_eq!(redactor.learn(secret), is_masked, "{secret}");
        }
    }

    #[test]
    fn the_password_of_each_line_is_masked_alone() {
        let redactor = Redactor::new();
        redactor.learn("A=http://a:first-word@a/\nB=http://b:second-word@b/\n");
        assert_eq!(
            redactor.text("first-word, second-word"),
            "[secret], [secret]"
        );
    }

    #[test]
    fn a_secret_that_looks_encoded_and_one_within_another_are_masked_whole() {
        let redactor = Redactor::new();
        redactor.learn("abcdefgh");
        redactor.learn("abcdefgh%41tail");
        redactor.learn("abcdefgh/and more");
        for text in [
            "abcdefgh%41tail",
            "abcdefgh%2541tail",
            "abcdefgh%2fand%20more",
            "abcdefgh/and+more",
            "abcdefgh%2Fand+more",
        ] {
            assert_eq!(redactor.text(&format!("<{text}>")), "<[secret]>", "{text}");
        }
    }

    #[test]
    fn what_ended_runs_were_given_is_forgotten_but_for_the_last_of_them() {
        let redactor = Redactor::new();
        let run = |n: usize| RunId::new(uuid::Uuid::from_u128(n as u128));
        let given = |n: usize| SecretString::from(format!("password-{n:04}"));
        let is_masked = |n: usize| redactor.text(given(n).expose_secret()) == MASK;
        redactor.learn(given(1).expose_secret());
        for n in 0..300 {
            assert!(redactor.learn_given(run(n), &given(n)));
        }
        redactor.learn_given(run(299), &given(2));
        redactor.forget(|one| *one == run(0));
        let forgotten: Vec<_> = (0..300).filter(|n| !is_masked(*n)).collect();
        assert_eq!(forgotten, (3..44).collect::<Vec<_>>());
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

        #[test]
        fn nothing_is_left_of_a_secret_that_is_encoded_alone(secret in "[ -~]{8,40}") {
            let redactor = Redactor::new();
            redactor.learn(&secret);
            let secret = secret.trim();
            prop_assume!(secret.len() >= SHORTEST);
            for encoded in [
                STANDARD.encode(secret),
                STANDARD_NO_PAD.encode(secret),
                URL_SAFE.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
            ] {
                let clean = redactor.text(&format!("\"{encoded}\""));
                prop_assert_eq!(clean, format!("\"{MASK}\""), "{}", encoded);
            }
        }

        #[test]
        fn no_secret_survives_an_encoder_of_urls(secret in "[!-~][ -~ä☃]{6,40}[!-~]") {
            let redactor = Redactor::new();
            redactor.learn(&secret);
            for encoded in percent_encodings(&secret) {
                let clean = redactor.text(&format!("\n{encoded}\n"));
                prop_assert_eq!(clean, format!("\n{MASK}\n"), "{}", encoded);
            }
        }
    }
}
