//! The requests that the library cannot make: listing buckets, listing and ending unfinished
//! uploads. Small, and signed with the library's own authorizer.

use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequest, HttpRequestBody};
use reqwest::Method;
use serde::Deserialize;

use super::connection::{S3, check_bucket_name};
use super::explain::Trouble;
use crate::action::Result;

/// A server that answers with more pages than this of one prefix is not believed.
const MOST_PAGES: usize = 1000;

#[derive(Deserialize)]
struct ListAllMyBucketsResult {
    #[serde(rename = "Buckets", default)]
    buckets: Buckets,
}

#[derive(Default, Deserialize)]
struct Buckets {
    #[serde(rename = "Bucket", default)]
    bucket: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    #[serde(rename = "Name")]
    name: String,
}

#[derive(Default, Deserialize)]
struct ListMultipartUploadsResult {
    #[serde(rename = "IsTruncated", default)]
    is_truncated: bool,
    #[serde(rename = "NextKeyMarker", default)]
    next_key_marker: String,
    #[serde(rename = "NextUploadIdMarker", default)]
    next_upload_id_marker: String,
    #[serde(rename = "Upload", default)]
    uploads: Vec<Upload>,
}

#[derive(Deserialize)]
struct Upload {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "UploadId")]
    id: String,
}

impl S3 {
    /// The names of all buckets that the key may list.
    pub(super) async fn buckets(&self) -> Result<Vec<String>> {
        match self.list_buckets().await {
            Ok(buckets) => Ok(buckets),
            Err(trouble) => Err(self.explain("list the buckets", "", trouble).await),
        }
    }

    pub(super) async fn list_buckets(&self) -> Result<Vec<String>, Trouble> {
        let answer = self.request(Method::GET, "/", &[]).await?;
        let listed: ListAllMyBucketsResult = read_xml(&answer)?;
        Ok(listed.buckets.bucket.into_iter().map(|b| b.name).collect())
    }

    /// Ends the unfinished uploads of keys that begin with `prefix`.
    pub(super) async fn abort_uploads(&self, bucket: &str, prefix: &str) -> Result<usize> {
        check_bucket_name(bucket)?;
        match self.try_abort_uploads(bucket, prefix).await {
            Ok(count) => Ok(count),
            Err(trouble) => {
                let what = format!("clear unfinished uploads of {prefix}");
                Err(self.explain(&what, bucket, trouble).await)
            }
        }
    }

    async fn try_abort_uploads(&self, bucket: &str, prefix: &str) -> Result<usize, Trouble> {
        let mut ended = 0;
        let mut page = ListMultipartUploadsResult::default();
        for _ in 0..MOST_PAGES {
            let query = [
                ("uploads", ""),
                ("prefix", prefix),
                ("key-marker", &page.next_key_marker),
                ("upload-id-marker", &page.next_upload_id_marker),
            ];
            let answer = self
                .request(Method::GET, &format!("/{bucket}"), &query)
                .await?;
            page = read_xml(&answer)?;
            for upload in page.uploads.iter().filter(|u| u.key.starts_with(prefix)) {
                self.abort_upload(bucket, upload).await?;
                ended += 1;
            }
            if !page.is_truncated {
                break;
            }
        }
        Ok(ended)
    }

    async fn abort_upload(&self, bucket: &str, upload: &Upload) -> Result<(), Trouble> {
        let path = format!("/{bucket}/{}", encoded_path(&upload.key));
        match self
            .request(Method::DELETE, &path, &[("uploadId", &upload.id)])
            .await
        {
            Err(trouble) if trouble.code() == Some("NoSuchUpload") => Ok(()),
            other => other.map(drop),
        }
    }

    /// One signed request without a body; the body of the answer.
    async fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<String, Trouble> {
        let mut url =
            reqwest::Url::parse(&format!("{}{path}", self.endpoint())).map_err(Trouble::other)?;
        for (name, value) in query {
            if !value.is_empty() || *name == "uploads" {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(Trouble::other)?;
        AwsAuthorizer::new(&self.credential, "s3", self.region())
            .try_authorize(&mut request, None)
            .map_err(Trouble::other)?;
        let request = reqwest::Request::try_from(request.map(|_| reqwest::Body::from("")))
            .map_err(Trouble::other)?;
        let answer = self
            .http
            .execute(request)
            .await
            .map_err(|error| Trouble::no_answer(&error))?;
        let status = answer.status();
        let body = answer
            .text()
            .await
            .map_err(|error| Trouble::no_answer(&error))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(Trouble::of_answer(status.as_u16(), &body))
        }
    }
}

fn read_xml<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Trouble> {
    quick_xml::de::from_str(text).map_err(Trouble::other)
}

/// The path as the signature wants it: everything but unreserved characters and `/` as `%XX`.
fn encoded_path(key: &str) -> String {
    use std::fmt::Write as _;

    key.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let none: ListMultipartUploadsResult =
            read_xml("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
                .ok()
                .unwrap();
        assert!(none.uploads.is_empty());
        let two: ListMultipartUploadsResult = read_xml(
            "<?xml version=\"1.0\"?><ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <NextKeyMarker>b</NextKeyMarker><IsTruncated>true</IsTruncated>\
             <Upload><Key>a &amp; b</Key><UploadId>1</UploadId></Upload>\
             <Upload><Key>b</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>",
        )
        .ok()
        .unwrap();
        assert_eq!(two.uploads[0].key, "a & b");
        assert!(two.is_truncated && two.next_key_marker == "b");
        let buckets: ListAllMyBucketsResult = read_xml(
            "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>backups</Name>\
             </Bucket></Buckets></ListAllMyBucketsResult>",
        )
        .ok()
        .unwrap();
        assert_eq!(buckets.buckets.bucket[0].name, "backups");
    }

    #[test]
    fn a_key_is_encoded_as_it_is_signed() {
        assert_eq!(encoded_path("a b/ü+~"), "a%20b/%C3%BC%2B~");
    }
}
