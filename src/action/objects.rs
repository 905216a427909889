//! Folders of objects, wherever they are: `s3://SYSTEM/BUCKET/PREFIX` or `file:///PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::Result;
use crate::domain::names::SystemName;

/// The `format` in the JSON Schema of an address of objects, by which the lint knows one.
pub const FORMAT: &str = "object-url";

/// The address of a folder of objects, or of one object (decision 24).
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String", extend("format" = FORMAT))]
pub enum ObjectUrl {
    /// `s3://SYSTEM/BUCKET/PREFIX`; the system is one of ours, not a host.
    S3 {
        /// The configured object store.
        system: SystemName,
        /// The bucket.
        bucket: String,
        /// The key, or what keys begin with; no slash at either end; may be empty.
        prefix: String,
    },
    /// `file:///PATH` on Purser's own machine.
    File {
        /// An absolute path without `..`.
        path: PathBuf,
    },
}

impl ObjectUrl {
    /// The address of something below this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::S3 {
                system,
                bucket,
                prefix,
            } => Self::S3 {
                system: system.clone(),
                bucket: bucket.clone(),
                prefix: if prefix.is_empty() {
                    name.to_owned()
                } else {
                    format!("{prefix}/{name}")
                },
            },
            Self::File { path } => Self::File {
                path: path.join(name),
            },
        }
    }

    /// The folder that this lies in and its own name; `None` at the top.
    pub fn split(&self) -> Option<(Self, String)> {
        match self {
            Self::S3 {
                system,
                bucket,
                prefix,
            } if !prefix.is_empty() => {
                let (folder, name) = prefix.rsplit_once('/').unwrap_or(("", prefix));
                let folder = Self::S3 {
                    system: system.clone(),
                    bucket: bucket.clone(),
                    prefix: folder.to_owned(),
                };
                Some((folder, name.to_owned()))
            }
            Self::S3 { .. } => None,
            Self::File { path } => {
                let name = path.file_name()?.to_str()?.to_owned();
                Some((
                    Self::File {
                        path: path.parent()?.to_owned(),
                    },
                    name,
                ))
            }
        }
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 {
                system,
                bucket,
                prefix,
            } if prefix.is_empty() => {
                write!(f, "s3://{system}/{bucket}")
            }
            Self::S3 {
                system,
                bucket,
                prefix,
            } => write!(f, "s3://{system}/{bucket}/{prefix}"),
            Self::File { path } => write!(f, "file://{}", path.display()),
        }
    }
}

/// Text that is no address of objects.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER")]
pub struct NotAnObjectUrl(String);

impl FromStr for ObjectUrl {
    type Err = NotAnObjectUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnObjectUrl(text.to_owned());
        let parts_are_sane = |path: &str| {
            path.is_empty()
                || path
                    .split('/')
                    .all(|p| !p.is_empty() && p != "." && p != "..")
        };
        if let Some(path) = text.strip_prefix("file:///") {
            let path = path.trim_end_matches('/');
            return if !path.is_empty() && parts_are_sane(path) {
                Ok(Self::File {
                    path: PathBuf::from(format!("/{path}")),
                })
            } else {
                Err(wrong())
            };
        }
        let rest = text
            .strip_prefix("s3://")
            .ok_or_else(wrong)?
            .trim_end_matches('/');
        let (system, rest) = rest.split_once('/').ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if system.is_empty() || bucket.is_empty() || !parts_are_sane(prefix) {
            return Err(wrong());
        }
        Ok(Self::S3 {
            system: SystemName::from(system),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl Serialize for ObjectUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// An opened folder of objects. Paths given to [`Objects::store`] are relative to the folder.
pub trait Objects: Send + Sync {
    /// Reads, writes and lists objects.
    fn store(&self) -> Arc<dyn object_store::ObjectStore>;

    /// The folder's own address.
    fn url(&self) -> &ObjectUrl;

    /// Ends unfinished multipart uploads whose path begins with `prefix`, such as those of a
    /// process that died, and says how many there were. Name a whole object where you can: some
    /// servers list the uploads of exactly that path only.
    fn abort_uploads<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<usize>>;

    /// A failure of the library as an error for people: which object, on which system, and what
    /// to do (wrong key, no such bucket and the one nearest to it, not reachable).
    fn explain<'a>(
        &'a self,
        what: &'a str,
        error: object_store::Error,
    ) -> BoxFuture<'a, super::ActionError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "s3://minio/backups/orders",
            "s3://minio/backups",
            "file:///var/backups/x",
        ] {
            assert_eq!(text.parse::<ObjectUrl>().unwrap().to_string(), text);
        }
        let (folder, name) = "s3://minio/backups/a/b"
            .parse::<ObjectUrl>()
            .unwrap()
            .split()
            .unwrap();
        assert_eq!(
            (folder.to_string().as_str(), name.as_str()),
            ("s3://minio/backups/a", "b")
        );
    }

    #[test]
    fn what_climbs_or_names_nothing_is_refused() {
        for text in [
            "file:///a/../b",
            "file:///",
            "s3://minio",
            "s3:///b/c",
            "http://x/y",
            "s3://m/b/../c",
        ] {
            assert!(text.parse::<ObjectUrl>().is_err(), "{text}");
        }
    }
}
