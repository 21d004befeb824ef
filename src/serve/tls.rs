//! A certificate and its key to what a handshake needs; read anew at SIGHUP.
//! Law: a pair that does not fit is refused before it is in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Fault, Result};

/// PEM files of `--tls-cert` and `--tls-key`.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate first, those that vouch for it after it.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// TLS 1.2 and 1.3 with the ring provider: the other one needs cmake to build.
pub(super) fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>> {
    let fault = |path: &Path, what: String, mend: &str| {
        Error::Config(vec![Fault::new(path, 0, what, mend)])
    };
    let read = |path: &Path, e: pem::Error| match e {
        pem::Error::Io(e) => Error::io(path, "cannot be read", e),
        other => fault(path, format!("is no PEM file ({other})"), "give one in PEM"),
    };
    let mut chain = Vec::new();
    let found = CertificateDer::pem_file_iter(&files.cert).map_err(|e| read(&files.cert, e))?;
    for certificate in found {
        chain.push(certificate.map_err(|e| read(&files.cert, e))?);
    }
    if chain.is_empty() {
        let what = "holds no certificate".to_owned();
        return Err(fault(
            &files.cert,
            what,
            "give the chain in PEM, the server's own first",
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| read(&files.key, e))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Failed(format!("TLS cannot be set up: {e}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| {
            let what = format!("does not go with {} ({e})", files.cert.display());
            fault(&files.key, what, "give certificate and key of one pair")
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
