//! A bucket of its own for each story, made and looked at by requests that are none of Purser's.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use purser::action::Systems;
use purser::integrations::s3;
use tempfile::TempDir;

use super::stack::variable;
use super::systems::connect;

/// A bucket that goes when the story ends well.
pub struct Bucket {
    /// Its name, which no other test uses.
    pub name: String,
    http: reqwest::Client,
    credential: AwsCredential,
    keys: TempDir,
}

/// Nobody else reads what is in it.
pub fn closed_folder() -> TempDir {
    let for_the_owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(for_the_owner)
        .tempdir()
        .unwrap()
}

impl Bucket {
    /// A new and empty one.
    pub async fn create() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keys = closed_folder();
        let credential = AwsCredential {
            key_id: variable("PURSER_TEST_S3_ACCESS_KEY"),
            secret_key: variable("PURSER_TEST_S3_SECRET_KEY"),
            token: None,
        };
        std::fs::write(keys.path().join("access_key"), &credential.key_id).unwrap();
        std::fs::write(keys.path().join("secret_key"), &credential.secret_key).unwrap();
        let bucket = Self {
            name: format!("test-{}", uuid::Uuid::now_v7().simple()),
            http: reqwest::Client::new(),
            credential,
            keys,
        };
        bucket.request("PUT", "").await;
        bucket
    }

    /// The table of `[systems.minio]` that leads here.
    pub fn settings(&self) -> toml::Table {
        let file = |name: &str| self.keys.path().join(name).display().to_string();
        toml::toml! {
            endpoint = (variable("PURSER_TEST_S3_ENDPOINT"))
            access_key_file = (file("access_key"))
            secret_key_file = (file("secret_key"))
        }
    }

    /// Systems with `minio` alone.
    pub fn systems(&self) -> Systems {
        let mut systems = Systems::new();
        connect(&mut systems, &s3::integration(), "minio", self.settings());
        systems
    }

    /// Another client of the same bucket.
    pub fn store(&self) -> Arc<AmazonS3> {
        let store = AmazonS3Builder::new()
            .with_endpoint(variable("PURSER_TEST_S3_ENDPOINT"))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(&self.name)
            .with_access_key_id(&self.credential.key_id)
            .with_secret_access_key(&self.credential.secret_key)
            .build();
        Arc::new(store.unwrap())
    }

    /// The keys of all finished objects.
    pub async fn keys(&self) -> Vec<String> {
        let listed: Vec<_> = self.store().list(None).try_collect().await.unwrap();
        let mut keys: Vec<_> = listed.iter().map(|o| o.location.to_string()).collect();
        keys.sort();
        keys
    }

    /// How many unfinished uploads the bucket holds.
    pub async fn unfinished_uploads(&self) -> usize {
        let answer = self.request("GET", "?uploads=").await;
        answer.matches("<UploadId>").count()
    }

    /// Removes it and all that is in it.
    pub async fn remove(self) {
        for key in self.keys().await {
            let key = object_store::path::Path::parse(&key).unwrap();
            self.store().delete(&key).await.unwrap();
        }
        self.request("DELETE", "").await;
    }

    async fn request(&self, method: &str, rest: &str) -> String {
        let endpoint = variable("PURSER_TEST_S3_ENDPOINT");
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = format!("{endpoint}/{}{rest}", self.name).parse().unwrap();
        AwsAuthorizer::new(&self.credential, "s3", "us-east-1")
            .try_authorize(&mut request, None)
            .unwrap();
        let request = request.map(|_| reqwest::Body::from(""));
        let answer = self
            .http
            .execute(request.try_into().unwrap())
            .await
            .unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(
            status.is_success(),
            "{method} {}{rest}: {status} {body}",
            self.name
        );
        body
    }
}
