//! TLS as a client, with the certificates that the system trusts.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Error;

/// Agrees on TLS with the server, whose certificate must be good for `host`.
pub(super) async fn handshake(tcp: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Error> {
    let config = config().await.map_err(|e| Error::Tls(format!("cannot be set up: {e}")))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| Error::Tls(format!("{host}: {e}")))?;
    TlsConnector::from(config).connect(name, tcp).await.map_err(|e| told(host, &e))
}

fn told(host: &str, error: &io::Error) -> Error {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Error::Certificate(format!("{host}: {why}")),
        Some(why) => Error::Tls(format!("{host}: {why}")),
        None => Error::Tls(format!("{host}: {error}")),
    }
}

/// The certificates are read once, where that does not hold up others.
async fn config() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let made = tokio::task::spawn_blocking(|| {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_platform_verifier()?.with_no_client_auth();
        Ok::<_, rustls::Error>(Arc::new(config))
    });
    let made = made.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    Ok(Arc::clone(CONFIG.get_or_init(|| made)))
}
