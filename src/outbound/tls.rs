//! TLS to other systems, by rustls with ring.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_rustls::TlsConnector;

use super::{OutboundError, TlsProblem};

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// If the server offers it; who it is, is not checked.
    Prefer,
    /// Always; who it is, is not checked.
    Require,
    /// Always, and the server's certificate must be signed by an authority that is trusted, for this name.
    #[default]
    Verify,
}

impl TlsMode {
    /// Reads the word of a connector's setting `tls`.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify" => Self::Verify,
            _ => return None,
        })
    }
}

/// How to encrypt, and whom to trust.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// How.
    pub mode: TlsMode,
    /// The authorities to trust instead of the public ones, in PEM form.
    pub authority: Option<String>,
}

impl Tls {
    pub(super) fn connector(&self) -> Result<TlsConnector, OutboundError> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| OutboundError::Tls(TlsProblem::Handshake))?;
        let config = if self.mode == TlsMode::Verify {
            config.with_root_certificates(self.roots()?)
        } else {
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        };
        Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
    }

    fn roots(&self) -> Result<RootCertStore, OutboundError> {
        let Some(pem) = &self.authority else {
            return Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
        };
        let bad = || OutboundError::Tls(TlsProblem::BadAuthority);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots
                .add(certificate.map_err(|_| bad())?)
                .map_err(|_| bad())?;
        }
        if roots.is_empty() {
            Err(bad())
        } else {
            Ok(roots)
        }
    }
}

/// Takes any certificate, for who asked for encryption without a check (`prefer`, `require`). The server still has to
/// prove that it has the certificate's key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

pub(super) fn problem(error: &rustls::Error) -> TlsProblem {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsProblem::UnknownIssuer
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsProblem::NotValidNow,
            _ => TlsProblem::Handshake,
        },
        _ => TlsProblem::Handshake,
    }
}
