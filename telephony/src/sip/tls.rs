//! What TLS to a trunk trusts, and whom it asks for.

use std::sync::OnceLock;

use base64::Engine;
use rsipstack::transport::TlsConfig;

/// The certificates that the machine trusts, in PEM. Read once.
static TRUSTED: OnceLock<Vec<u8>> = OnceLock::new();

/// A connection to a far end that must prove to be `server_name`, by a certificate that comes from `certificates`
/// (PEM), or from one that the machine trusts.
pub(super) fn config(server_name: &str, certificates: Option<&str>) -> TlsConfig {
    let trusted = match certificates {
        Some(pem) => pem.as_bytes().to_vec(),
        None => TRUSTED.get_or_init(trusted_by_the_machine).clone(),
    };
    TlsConfig {
        ca_certs: Some(trusted),
        sni_hostname: Some(server_name.to_owned()),
        ..TlsConfig::default()
    }
}

/// Make `ring` the provider of cryptography, where the process has chosen none.
pub(super) fn choose_provider() {
    // An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn trusted_by_the_machine() -> Vec<u8> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate that the machine trusts can't be read");
    }
    let mut pem = String::new();
    for certificate in found.certs {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem.into_bytes()
}
