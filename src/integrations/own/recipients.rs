//! The public keys for which a backup is made.

use std::str::FromStr as _;

use age::x25519::Recipient;

use crate::action::{ActionError, Result};

/// What a secret key of age begins with.
const SECRET: &str = "AGE-SECRET-KEY-";

/// Reads the keys; at least one.
///
/// # Errors
/// Which is none. A secret key is not repeated.
pub(super) fn read(keys: &[String]) -> Result<Vec<Recipient>> {
    if keys.is_empty() {
        return Err(ActionError::fatal(
            "`recipients` is empty, and a backup that nobody can open is none: make a key with \
             `age-keygen -o purser-backup.key`, keep that file elsewhere, and put the public key \
             that it prints there",
        ));
    }
    let read = |(n, key): (usize, &String)| {
        let key = key.trim();
        if key.to_ascii_uppercase().starts_with(SECRET) {
            return Err(ActionError::fatal(format!(
                "number {} of `recipients` is a secret key, which opens backups: it must not stand \
                 there, and has been seen. Make another with `age-keygen`, and put its public key \
                 there, age1…",
                n + 1
            )));
        }
        Recipient::from_str(key).map_err(|why| {
            ActionError::fatal(format!(
                "`{key}`, number {} of `recipients`, is no public key of age ({why}): it begins \
                 with age1, and `age-keygen` prints it",
                n + 1
            ))
        })
    };
    keys.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(keys: &[&str]) -> String {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let Err(error) = read(&keys) else {
            panic!("{keys:?} are good");
        };
        error.message
    }

    #[test]
    fn a_key_that_is_none_is_named_and_a_secret_one_is_not() {
        let good = age::x25519::Identity::generate();
        let public = good.to_public().to_string();
        assert_eq!(
            read(&[format!(" {public}\n")]).map(|all| all.len()).ok(),
            Some(1)
        );

        let near = public.replace("age1", "age2");
        let told = wrong(&[&public, &near]);
        assert!(
            told.starts_with(&format!(
                "`{near}`, number 2 of `recipients`, is no public key of age"
            )),
            "{told}"
        );
        assert!(wrong(&[]).contains("is empty"));
        let secret = age::secrecy::ExposeSecret::expose_secret(&good.to_string()).to_owned();
        let told = wrong(&[&secret.to_lowercase()]);
        assert!(
            told.starts_with("number 1 of `recipients` is a secret key"),
            "{told}"
        );
        assert!(
            !told.to_lowercase().contains(&secret.to_lowercase()),
            "{told}"
        );
    }
}
