//! The secret key that opens backups: from a file, or from whoever sits at the terminal.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Decryptor, IdentityFile};

use crate::cli::{EchoOff, Failure, Recover};

/// What every file of age begins with: a key file that begins so has a passphrase.
const ENCRYPTED: &[u8] = b"age-encryption.org/";
/// No key file is longer.
const LONGEST: u64 = 1 << 20;

pub(super) type Identities = Vec<Box<dyn age::Identity + Send + Sync>>;

/// The keys.
pub(super) fn identities(ask: &Recover) -> Result<Identities, Failure> {
    let Some(path) = &ask.identity else {
        let without = "--identity KEYFILE is needed: the file with the secret key of age";
        let key = asked("secret key (AGE-SECRET-KEY-1…, not shown): ", without)?;
        return parsed(key.expose_secret().as_bytes(), "what was typed");
    };
    let name = path.display().to_string();
    let text = read(path)?;
    if !text.starts_with(ENCRYPTED) {
        return parsed(&text, &name);
    }
    let passphrase = if let Some(file) = &ask.passphrase_file {
        let text = String::from_utf8_lossy(&read(file)?).into_owned();
        SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        let without = format!("{name} has a passphrase: --passphrase-file FILE is needed");
        asked(&format!("passphrase of {name} (not shown): "), &without)?
    };
    parsed(&decrypted(&text, passphrase, &name)?, &name)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut text))
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text)
}

fn decrypted(text: &[u8], passphrase: SecretString, name: &str) -> Result<Vec<u8>, Failure> {
    let key = age::scrypt::Identity::new(passphrase);
    let mut inside = Vec::new();
    Decryptor::new(text)
        .and_then(|file| file.decrypt(std::iter::once(&key as &dyn age::Identity)))
        .map_err(|error| Failure::failed(format!("the key file {name} cannot be opened: {error}")))?
        .read_to_end(&mut inside)
        .map_err(|error| Failure::failed(format!("the key file {name} cannot be read: {error}")))?;
    Ok(inside)
}

fn parsed(text: &[u8], name: &str) -> Result<Identities, Failure> {
    let no_key = |why: &str| {
        Failure::usage(format!(
            "{name} is no secret key of age ({why}): it has a line that begins with \
             AGE-SECRET-KEY-1, as `age-keygen` writes it"
        ))
    };
    let keys = IdentityFile::from_buffer(text)
        .map_err(|error| no_key(&error.to_string()))?
        .into_identities()
        .map_err(|error| no_key(&error.to_string()))?;
    if keys.is_empty() {
        return Err(no_key("there is none in it"));
    }
    Ok(keys)
}

/// Asks at the terminal, without showing what is typed; `without` is said where there is none.
fn asked(prompt: &str, without: &str) -> Result<SecretString, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(without));
    }
    let broken = |error: &dyn std::fmt::Display| Failure::failed(format!("the terminal: {error}"));
    let dark = EchoOff::begin().map_err(|error| broken(&error))?;
    eprint!("{prompt}");
    io::stderr().flush().map_err(|error| broken(&error))?;
    let mut line = String::new();
    let typed = stdin.lock().read_line(&mut line);
    drop(dark);
    eprintln!();
    typed.map_err(|error| broken(&error))?;
    Ok(SecretString::from(line.trim().to_owned()))
}
