//! One object store as it is configured, and how a bucket of it is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::action::{ActionError, Connect, ConnectError, Result};
use crate::domain::cause::no_client;
use crate::domain::names::{SecretName, SystemName};
use crate::domain::secret::SecretSource;

/// How long to wait for a connection.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a server may say nothing while a request is under way, the sending of a part included.
pub(super) const SILENT_FOR: Duration = Duration::from_mins(2);
/// After this a request that failed is not tried again.
const RETRY_FOR: Duration = Duration::from_secs(30);
const RETRIES: usize = 4;

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The address of the server, without a bucket.
    endpoint: String,
    /// The file that holds the access key.
    access_key_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    access_key_secret: Option<SecretName>,
    /// The file that holds the secret key.
    secret_key_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    secret_key_secret: Option<SecretName>,
    /// What the server calls its region.
    #[serde(default = "us_east")]
    region: String,
}

/// What most servers of their own call themselves.
fn us_east() -> String {
    "us-east-1".to_owned()
}

/// Where the two halves of the credential are.
struct Keys {
    access: SecretSource,
    secret: SecretSource,
}

/// An object store that speaks S3, addressed by path. Cheap to clone.
#[derive(Clone)]
pub struct S3 {
    name: SystemName,
    endpoint: String,
    region: String,
    keys: Arc<Keys>,
    pub(super) credential: Arc<AwsCredential>,
    pub(super) http: reqwest::Client,
}

impl S3 {
    /// Reads the settings and the two keys. Does no other I/O.
    pub fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let settings: Settings = connect.settings()?;
        let endpoint = endpoint_of(&settings.endpoint).map_err(|e| connect.error(e))?;
        let (file, stored) = (settings.access_key_file, settings.access_key_secret);
        let access = SecretSource::exactly_one("access_key", file, stored);
        let (file, stored) = (settings.secret_key_file, settings.secret_key_secret);
        let secret = SecretSource::exactly_one("secret_key", file, stored);
        let access = access.map_err(|wrong| connect.error(wrong))?;
        let secret = secret.map_err(|wrong| connect.error(wrong))?;
        let (access_key, secret_key) = (connect.text(&access)?, connect.secret(&secret)?);
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(RETRY_FOR)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| connect.error(no_client(&error)))?;
        Ok(Self {
            name: connect.name.clone(),
            credential: Arc::new(AwsCredential {
                key_id: access_key,
                secret_key: secret_key.expose_secret().to_owned(),
                token: None,
            }),
            endpoint,
            region: settings.region,
            keys: Arc::new(Keys { access, secret }),
            http,
        })
    }

    /// The name in `[systems.NAME]`.
    pub fn name(&self) -> &SystemName {
        &self.name
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Where people put a better access key.
    pub(super) fn access_key_source(&self) -> &SecretSource {
        &self.keys.access
    }

    /// Where people put a better secret key.
    pub(super) fn secret_key_source(&self) -> &SecretSource {
        &self.keys.secret
    }

    /// The head of whatever it answers to nobody in particular, if it answers at all.
    pub(super) async fn headers(&self) -> Option<reqwest::header::HeaderMap> {
        let answer = self.http.get(self.endpoint()).send().await;
        answer.ok().map(|answer| answer.headers().clone())
    }

    /// Opens a bucket. Does no I/O.
    pub(super) fn bucket(&self, bucket: &str) -> Result<AmazonS3> {
        check_bucket_name(bucket)?;
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_region(self.region())
            .with_bucket_name(bucket)
            .with_access_key_id(&self.credential.key_id)
            .with_secret_access_key(&self.credential.secret_key)
            .with_virtual_hosted_style_request(false)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: RETRY_FOR,
            })
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(self.endpoint().starts_with("http://"))
                    .with_connect_timeout(CONNECT_WITHIN)
                    .with_read_timeout(SILENT_FOR)
                    .with_timeout_disabled(),
            )
            .build()
            .map_err(|error| {
                ActionError::fatal(format!(
                    "the bucket `{bucket}` of {} cannot be opened: {error}",
                    self.name
                ))
            })
    }
}

/// A bucket name becomes part of a URL's path: whatever could leave that place is refused.
pub(super) fn check_bucket_name(bucket: &str) -> Result<()> {
    let sane = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !bucket.contains("..");
    if sane {
        return Ok(());
    }
    Err(ActionError::fatal(format!(
        "`{bucket}` cannot be a bucket: the names have 3 to 63 lower-case letters, digits, `-` \
         and `.`"
    )))
}

fn endpoint_of(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| {
            format!("endpoint = \"{text}\" is no address: write http://HOST:PORT or https://HOST")
        })?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err(
            "the endpoint must be only http://HOST:PORT or https://HOST; buckets are named in \
             steps, and keys come from access_key_file and secret_key_file"
                .to_owned(),
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_bare_address() {
        assert_eq!(
            endpoint_of("http://minio:9000/").unwrap(),
            "http://minio:9000"
        );
        for wrong in [
            "minio:9000",
            "http://minio:9000/bucket",
            "http://key:secret@minio",
            "",
        ] {
            assert!(endpoint_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_name_cannot_leave_its_place() {
        for wrong in ["..", "a", "Backups", "a/b", "a..b", "back ups", "b?acl"] {
            assert!(check_bucket_name(wrong).is_err(), "{wrong}");
        }
        check_bucket_name("orders-backups.2026").unwrap();
    }
}
