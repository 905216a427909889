//! Certificates of an authority of a story's own, and servers that show them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

const CONFIG: &str = "
[req]
distinguished_name = name
prompt = no
[name]
commonName = Authority of a test
[ca]
default_ca = authority
[authority]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[of_authority]
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign
[of_server]
basicConstraints = CA:FALSE
subjectAltName = ";

/// Whoever issues certificates. Nobody trusts it who is not told to.
pub struct Authority {
    folder: TempDir,
}

/// How a certificate is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// For which name or address, as OpenSSL writes it: `IP:127.0.0.1`.
    pub name: &'static str,
    /// The last year in which it is valid.
    pub year: u32,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        authority.write("index", "");
        authority.write("serial", "01");
        authority.write("config", &format!("{CONFIG}DNS:nobody"));
        authority.openssl(
            "req -x509 -config config -extensions of_authority -newkey ec -pkeyopt \
             ec_paramgen_curve:prime256v1 -nodes -keyout its.key -out its.pem -days 3000",
        );
        authority
    }

    /// The file with its own certificate, for whoever is to trust it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("its.pem")
    }

    /// A way to this server that shows such a certificate.
    pub async fn way_to(&self, server: &str, wanted: Wanted) -> TlsWay {
        self.write("config", &format!("{CONFIG}{}", wanted.name));
        self.openssl(
            "req -config config -subj /CN=server -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
             -keyout server.key -out asked",
        );
        self.openssl(&format!(
            "ca -config config -batch -notext -cert its.pem -keyfile its.key -extensions of_server -startdate \
             20200101000000Z -enddate {}1231235959Z -in asked -out server.pem",
            wanted.year
        ));
        let file = |name: &str| self.folder.path().join(name);
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()],
                PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
            )
            .unwrap();
        TlsWay::to(server, TlsAcceptor::from(Arc::new(config))).await
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "openssl {arguments}: {said}");
    }
}

/// HTTPS ends here and goes on as HTTP, for as long as this is kept.
pub struct TlsWay {
    address: String,
    running: AbortHandle,
}

impl TlsWay {
    async fn to(server: &str, acceptor: TlsAcceptor) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(passes(acceptor.clone(), stream, server.clone()));
            }
        });
        Self {
            address,
            running: running.abort_handle(),
        }
    }

    /// Where it begins.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for TlsWay {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Whoever does not trust the certificate goes away again.
async fn passes(acceptor: TlsAcceptor, stream: TcpStream, server: String) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let mut there = TcpStream::connect(server).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut there).await;
    }
}
