//! TLS for the main listener: versions 1.2 and 1.3, HTTP/2 or HTTP/1.1 by ALPN.

mod validity;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;

use validity::Validity;

/// Why TLS cannot be had from the configured files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not PEM, or not of what is needed.
    #[error("{} holds no {wanted} in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The two files do not serve together.
    #[error("{} and {} cannot be used together: {source}", certificate.display(), key.display())]
    Unusable {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The certificate would be refused by every client.
    #[error("the certificate in {} is valid from {not_before} to {not_after} only", path.display())]
    NotValidNow {
        /// The certificate file.
        path: PathBuf,
        /// The first instant at which it is valid.
        not_before: Timestamp,
        /// The last instant at which it is valid.
        not_after: Timestamp,
    },
}

/// A certificate with its key, ready to accept connections; it can be loaded again while in use.
pub struct Tls {
    clock: Arc<dyn Clock>,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Loads a certificate chain (leaf first) and its private key from PEM files.
    pub fn load(certificate: &Path, key: &Path, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let config = ArcSwap::from_pointee(load(certificate, key, clock.now())?);
        Ok(Self { clock, config })
    }

    /// Loads these files, the same ones again or others, for connections from now on; on an error
    /// nothing changes.
    pub fn reload(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        let config = load(certificate, key, self.clock.now())?;
        self.config.store(Arc::new(config));
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

fn load(certificate: &Path, key: &Path, now: Timestamp) -> Result<ServerConfig, TlsError> {
    let chain = read_chain(certificate)?;
    check_validity(certificate, &chain, now)?;
    warn_of_readers(key);
    let private = PrivateKeyDer::from_pem_file(key).map_err(not_pem(key, "private key"))?;

    // The provider is named, so that no other crate in the process can choose it for us.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unusable = |source| TlsError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(not_pem(path, "certificate"))?;
    if chain.is_empty() {
        return Err(not_pem(path, "certificate")(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn check_validity(path: &Path, chain: &[CertificateDer], now: Timestamp) -> Result<(), TlsError> {
    match chain.first().and_then(|leaf| Validity::of(leaf)) {
        Some(validity) if now < validity.not_before || validity.not_after < now => {
            Err(TlsError::NotValidNow {
                path: path.to_owned(),
                not_before: validity.not_before,
                not_after: validity.not_after,
            })
        }
        _ => Ok(()),
    }
}

/// The file may be a secret mounted by somebody else, whose mode we cannot choose: so no more than a
/// warning.
fn warn_of_readers(key: &Path) {
    if fs::metadata(key).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        let file = key.display();
        tracing::warn!(%file, "the private key of TLS can be read by other users");
    }
}

fn not_pem(path: &Path, wanted: &'static str) -> impl Fn(pem::Error) -> TlsError {
    move |error| match error {
        pem::Error::Io(source) => TlsError::Unreadable {
            path: path.to_owned(),
            source,
        },
        _ => TlsError::NotPem {
            path: path.to_owned(),
            wanted,
        },
    }
}
