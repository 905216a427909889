//! The secret key that opens backups: from a file, or from whoever sits at the terminal.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor, IdentityFile};

use crate::cli::{Failure, Recover, hidden};

/// What every encrypted file of age begins with: a key file that begins so has a passphrase. The
/// second is how `age --armor` writes one.
const ENCRYPTED: [&[u8]; 2] = [
    b"age-encryption.org/",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
];
/// No key file is longer.
const LONGEST: u64 = 1 << 20;

pub(super) type Identities = Vec<Box<dyn age::Identity + Send + Sync>>;

/// The keys.
pub(super) async fn identities(ask: &Recover) -> Result<Identities, Failure> {
    let Some(path) = &ask.identity else {
        let otherwise = "--identity KEYFILE is needed: the file with the secret key of age";
        let key = asked("secret key (AGE-SECRET-KEY-1…, not shown): ", otherwise).await?;
        return parsed(key.expose_secret().trim().as_bytes(), "what was typed");
    };
    let name = path.display().to_string();
    let text = read(path)?;
    if !ENCRYPTED.iter().any(|begin| text.starts_with(begin)) {
        return parsed(&text, &name);
    }
    let passphrase = if let Some(file) = &ask.passphrase_file {
        let text = String::from_utf8_lossy(&read(file)?).into_owned();
        SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        let prompt = format!("passphrase of {name} (not shown): ");
        asked(
            &prompt,
            "the key file has a passphrase: --passphrase-file FILE is needed",
        )
        .await?
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
    Decryptor::new(ArmoredReader::new(text))
        .and_then(|file| file.decrypt(std::iter::once(&key as &dyn age::Identity)))
        .map_err(|error| not_opened(&error, name))?
        .read_to_end(&mut inside)
        .map_err(|error| Failure::failed(format!("the key file {name} cannot be read: {error}")))?;
    Ok(inside)
}

fn not_opened(error: &DecryptError, name: &str) -> Failure {
    Failure::failed(match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            format!("the passphrase does not open {name}")
        }
        DecryptError::NoMatchingKeys => {
            format!("the key file {name} is encrypted for a key, and not with a passphrase")
        }
        other => format!("the key file {name} cannot be opened: {other}"),
    })
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

/// Asks at the terminal, without showing what is typed; `otherwise` is said where there is none.
async fn asked(prompt: &str, otherwise: &'static str) -> Result<SecretString, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(otherwise));
    }
    let nothing = "nothing was changed";
    hidden::line(prompt, hidden::Words { otherwise, nothing }).await
}
