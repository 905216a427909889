//! What is in no container, as it is written on the command line: `NAME=ADDRESS`.

use std::str::FromStr;

use secrecy::SecretString;

use super::{Candidate, Target, is_name};

/// `orders-db=postgres://user@host:5432/db`, `minio=s3+http://KEY@host:9000/BUCKET`,
/// `prom=prometheus+http://host:9090`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// What it will be called.
    pub name: String,
    address: Address,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Postgres {
        user: String,
        at: String,
        database: String,
    },
    S3 {
        endpoint: String,
        access_key: String,
        bucket: Option<String>,
    },
    Prometheus {
        url: String,
    },
}

/// An addition that is written otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nothing that can be added ({1}): write NAME=postgres://USER@HOST:PORT/DATABASE, \
     NAME=s3+http://ACCESS_KEY@HOST:PORT/BUCKET or NAME=prometheus+http://HOST:PORT"
)]
pub struct BadAddition(String, &'static str);

impl FromStr for Addition {
    type Err = BadAddition;

    fn from_str(text: &str) -> Result<Self, BadAddition> {
        // A password may stand in it by mistake, and is not repeated.
        let shown = || {
            text.split_once('=')
                .map_or("…", |(name, _)| name)
                .to_owned()
                + "=…"
        };
        let wrong = |why| BadAddition(shown(), why);
        let (name, address) = text
            .split_once('=')
            .ok_or_else(|| wrong("there is no `=`"))?;
        if !is_name(name) {
            return Err(wrong(
                "a name has up to 20 of a-z, 0-9, - and _, with a letter first",
            ));
        }
        let address = Address::read(address).map_err(wrong)?;
        Ok(Self {
            name: name.to_owned(),
            address,
        })
    }
}

impl Address {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (scheme, plain) = match text.split_once('+') {
            Some((kind @ ("s3" | "prometheus"), plain)) => (kind, plain),
            _ => ("postgres", text),
        };
        let url = reqwest::Url::parse(plain).map_err(|_| "its address cannot be read")?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or("its address names no host")?;
        if url.password().is_some() {
            return Err("a password does not belong on a command line: use --password-file");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must end before any `?` or `#`");
        }
        let user = percent_encoding::percent_decode_str(url.username())
            .decode_utf8()
            .map_err(|_| "its user is no text")?
            .into_owned();
        let path = url.path().trim_matches('/').to_owned();
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        match (scheme, url.scheme()) {
            ("postgres", "postgres" | "postgresql") => {
                let user = if user.is_empty() {
                    "postgres".to_owned()
                } else {
                    user
                };
                let database = if path.is_empty() { user.clone() } else { path };
                Ok(Self::Postgres {
                    user,
                    at: format!("{host}:{}", url.port().unwrap_or(5432)),
                    database,
                })
            }
            ("s3", "http" | "https") if user.is_empty() => Err("it names no access key"),
            ("s3", "http" | "https") => Ok(Self::S3 {
                endpoint: format!("{}://{host}{port}", url.scheme()),
                access_key: user,
                bucket: (!path.is_empty()).then_some(path),
            }),
            ("prometheus", "http" | "https") if user.is_empty() => Ok(Self::Prometheus {
                url: url.as_str().trim_end_matches('/').to_owned(),
            }),
            ("prometheus", "http" | "https") => Err("a login is added to the file afterwards"),
            _ => Err("its scheme is none of these"),
        }
    }
}

impl Addition {
    /// Whether it cannot be used without a password.
    pub fn needs_password(&self) -> bool {
        matches!(self.address, Address::S3 { .. })
    }

    /// Whether a password would be of use.
    pub fn takes_password(&self) -> bool {
        !matches!(self.address, Address::Prometheus { .. })
    }

    /// The system that it describes. One that needs a password and is given none cannot be had.
    pub fn with_password(self, password: Option<SecretString>) -> Option<Candidate> {
        let target = match self.address {
            Address::Postgres { user, at, database } => Target::Postgres {
                user,
                password,
                at,
                database,
            },
            Address::S3 {
                endpoint,
                access_key,
                bucket,
            } => Target::S3 {
                endpoint,
                access_key: SecretString::from(access_key),
                secret_key: password?,
                bucket,
            },
            Address::Prometheus { url } => Target::Prometheus { url },
        };
        Some(Candidate {
            name: self.name,
            origin: "as it was added".to_owned(),
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_read_as_they_are_documented() {
        let read = |text: &str| text.parse::<Addition>().unwrap().address;
        assert_eq!(
            read("orders-db=postgres://shop@db.example.org/orders"),
            Address::Postgres {
                user: "shop".into(),
                at: "db.example.org:5432".into(),
                database: "orders".into(),
            }
        );
        assert_eq!(
            read("minio=s3+http://key@minio:9000/backups"),
            Address::S3 {
                endpoint: "http://minio:9000".into(),
                access_key: "key".into(),
                bucket: Some("backups".into()),
            }
        );
        assert_eq!(
            read("prom=prometheus+https://prom.example.org/path/"),
            Address::Prometheus {
                url: "https://prom.example.org/path".into()
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_a_password_never_repeated() {
        let wrong = |text: &str| {
            let error = text.parse::<Addition>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            error.1
        };
        assert_eq!(wrong("postgres://x"), "there is no `=`");
        assert_eq!(wrong("db=mysql://x/y"), "its scheme is none of these");
        assert_eq!(
            wrong("minio=s3+http://minio:9000/b"),
            "it names no access key"
        );
        assert_eq!(
            wrong("db=postgres://u:hunter2@x/y"),
            "a password does not belong on a command line: use --password-file"
        );
        assert_eq!(
            wrong("Döner=postgres://x/y"),
            "a name has up to 20 of a-z, 0-9, - and _, with a letter first"
        );
    }
}
