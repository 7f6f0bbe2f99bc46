//! Ed25519 signatures (RFC 8032) over the header's digest, which covers name, generation and all
//! sections.

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use super::Compiled;
use crate::image::{DIGEST_BYTES, Image, SEAL_BYTES, SIGNATURE_BYTES};

/// A text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key.
    #[error(
        "expected an Ed25519 private key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it: {0}"
    )]
    Private(String),
    /// Not a public key.
    #[error("expected an Ed25519 public key in PEM, as `openssl pkey -pubout` writes it: {0}")]
    Public(String),
}

/// A private key that signs blacklists.
pub struct SignKey(SigningKey);

impl SignKey {
    /// Reads a private key in PKCS#8 PEM (RFC 8410).
    pub fn from_pem(pem: &str) -> Result<SignKey, KeyError> {
        SigningKey::from_pkcs8_pem(pem)
            .map(SignKey)
            .map_err(|error| KeyError::Private(error.to_string()))
    }
}

/// A public key that verifies signatures.
#[derive(Debug, Clone)]
pub struct VerifyKey(pub(crate) VerifyingKey);

impl VerifyKey {
    /// Reads a public key in SubjectPublicKeyInfo PEM (RFC 8410).
    pub fn from_pem(pem: &str) -> Result<VerifyKey, KeyError> {
        VerifyingKey::from_public_key_pem(pem)
            .map(VerifyKey)
            .map_err(|error| KeyError::Public(error.to_string()))
    }
}

impl Compiled {
    /// Signs the blacklist. All bytes except the signature stay as they are.
    pub fn sign(&mut self, key: &SignKey) {
        let Ok(image) = Image::new(&self.bytes) else { return };
        let end = image.header_bytes;
        let signature_at = digest_at(end) + DIGEST_BYTES;
        let signature = key.0.sign(&self.bytes[digest_at(end)..signature_at]).to_bytes();
        let check = *blake3::hash(&signature).as_bytes();
        self.bytes[signature_at..signature_at + SIGNATURE_BYTES].copy_from_slice(&signature);
        self.bytes[signature_at + SIGNATURE_BYTES..end].copy_from_slice(&check);
    }
}

/// Offset of the header's digest in a header of `header_bytes` bytes. The digest, the signature and
/// the signature's digest are the last parts of the header.
pub(crate) fn digest_at(header_bytes: usize) -> usize {
    header_bytes - SEAL_BYTES
}
