//! Sessions of people who logged in with a token, and the tokens of forms.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64ct::{Base64UrlUnpadded, Encoding};

use crate::config::Server;
use crate::serve::guard::{Identity, known_digest, sha256};

/// Name of the cookie.
const NAME: &str = "threatsieve";
/// Time for which a login lasts.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Maximum number of sessions. A further one ends the oldest.
const MAX_SESSIONS: usize = 1000;

/// The sessions, by the digest of their cookie. They end with the program.
pub(in crate::serve) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
    /// Makes the tokens of forms.
    secret: [u8; 32],
}

struct Session {
    /// Digest of the token with which it began. It lasts no longer than that is configured.
    token: [u8; 32],
    began: Instant,
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions { open: Mutex::default(), secret: random() }
    }
}

impl Sessions {
    /// Begins a session; returns the value for the header `Set-Cookie`. `None` if the token is
    /// wrong.
    pub(super) fn begin(&self, server: &Server, token: &str, is_secure: bool) -> Option<String> {
        let token = sha256(token.trim().as_bytes());
        known_digest(server, &token)?;
        let cookie = Base64UrlUnpadded::encode_string(&random());
        let now = Instant::now();
        let mut open = self.held();
        open.retain(|_, session| now.duration_since(session.began) < LIFETIME);
        if open.len() >= MAX_SESSIONS {
            let oldest = open.iter().min_by_key(|(_, session)| session.began).map(|(id, _)| *id);
            oldest.map(|oldest| open.remove(&oldest));
        }
        open.insert(sha256(cookie.as_bytes()), Session { token, began: now });
        let seconds = LIFETIME.as_secs();
        let secure = if is_secure { "; Secure" } else { "" };
        Some(format!(
            "{NAME}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        ))
    }

    /// Ends the session of a request; returns the value for the header `Set-Cookie`.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(cookie) = cookie(headers) {
            self.held().remove(&sha256(cookie.as_bytes()));
        }
        format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    /// Returns who sends a request, by its session.
    pub(in crate::serve) fn identity(
        &self,
        server: &Server,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Option<Identity> {
        let id = sha256(cookie(headers)?.as_bytes());
        let token = self
            .held()
            .get(&id)
            .filter(|session| session.began.elapsed() < LIFETIME)
            .map(|session| session.token)?;
        let (name, role) = known_digest(server, &token)?;
        Some(Identity { name, peer, role })
    }

    /// Returns the token that the forms of a request's page send back. It belongs to the session;
    /// without one, to the running program.
    pub(super) fn form_token(&self, headers: &HeaderMap) -> String {
        let cookie = cookie(headers).unwrap_or_default();
        Base64UrlUnpadded::encode_string(&sha256(&[&self.secret, cookie.as_bytes()].concat()))
    }

    /// Returns whether a form has the token of its page.
    pub(super) fn is_of_page(&self, headers: &HeaderMap, given: Option<&str>) -> bool {
        let right = self.form_token(headers);
        let given = given.unwrap_or_default();
        verify_slices_are_equal(right.as_bytes(), given.as_bytes()).is_ok()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the cookie of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|one| one.split_once('='));
    pairs.find(|(name, _)| name.trim() == NAME).map(|(_, value)| value.trim())
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    // It fails only where the system gives no random numbers at all, and then nothing is safe.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}
