//! Decryption of the old service's encrypted API key: AES-256 in CBC mode without an initialisation
//! vector, with a key that PBKDF2 derives from a password and a salt.

use std::num::NonZeroU32;

use anyhow::{anyhow, ensure};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use base64ct::{Base64, Encoding};

use crate::config::Secret;

/// Rounds of PBKDF2.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(65_536 - 1);

/// Decrypts a text in Base64. The error is a message for the user and names no secret.
pub(super) fn decrypt(text: &str, password: &str, salt: &str) -> anyhow::Result<Secret> {
    let wrong = || anyhow!("cannot be decrypted: `encKey` or `salt` is not the one that it had");
    let mut bytes =
        Base64::decode_vec(text).map_err(|_| anyhow!("expected Base64, got another text"))?;
    ensure!(
        !bytes.is_empty() && bytes.len().is_multiple_of(16),
        "expected whole blocks of 16 bytes, got {} bytes",
        bytes.len()
    );
    let mut key = [0; 32];
    derive(PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), password.as_bytes(), &mut key);
    let key = UnboundCipherKey::new(&AES_256, &key).map_err(|_| wrong())?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| wrong())?;
    let context = DecryptionContext::Iv128(FixedLength::from([0; 16]));
    let plain = key.decrypt(&mut bytes, context).map_err(|_| wrong())?;
    // One wrong key of 256 leaves a valid padding, and a text of random bytes.
    let plain = std::str::from_utf8(plain).map_err(|_| wrong())?;
    let is_key = !plain.is_empty() && plain.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    ensure!(is_key, wrong());
    Ok(Secret::new(plain.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_the_old_service_ships_is_decrypted() {
        let text = "Hcp7t7oBEL7GiywzMfWJNI933zFSEYMxOqPCG7mdwzkYUuSYBlEOMJ2r78G4d1tp\
                    +Xe0jTThVSmf/DpVXxYmPA==";
        let wrong = decrypt(text, "SomeEncKey", "another").unwrap_err().to_string();
        assert!(wrong.contains("`encKey` or `salt`"), "{wrong}");
        let wrong = decrypt("Hcp7", "SomeEncKey", "another").unwrap_err().to_string();
        assert!(wrong.contains("blocks of 16 bytes, got 3"), "{wrong}");
        assert!(decrypt("no base64!", "a", "b").unwrap_err().to_string().contains("Base64"));
    }
}
