//! Passwords of people: Argon2id, a few at once, off the tasks that serve others.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use convoke_types::{Fault, FaultCode};
use tokio::sync::Semaphore;

/// Hashes made at once: each takes a core for some 50 ms, and 19 MiB.
const AT_ONCE_MAX: usize = 2;
/// Hashes made or waited for; one more is refused as `overloaded`.
const WAITING_MAX: usize = 64;
/// Random bytes of a salt (RFC 9106 §3.1 recommends 16).
const SALT_BYTES: usize = 16;
/// What a password is compared with where there is none: of the usual parameters, so that it takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3MgcGFzcw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Makes and compares hashes. Clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// A password as it is stored: a PHC string.
    ///
    /// # Errors
    /// `overloaded` when too many wait, `internal` without random bytes.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Fault> {
        let mut salt = [0_u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| internal("random bytes"))?;
        let password = password.to_owned();
        let made = self
            .in_turn(move || Argon2::default().hash_password_with_salt(password.as_bytes(), &salt))
            .await?;
        made.map(|hash| hash.to_string())
            .map_err(|_| internal("a password hash"))
    }

    /// Whether the password is the stored one. Without a stored one it is not, which takes as long to find out.
    ///
    /// # Errors
    /// `overloaded` when too many wait.
    pub(crate) async fn matches(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, Fault> {
        let password = password.to_owned();
        let exists = stored.is_some();
        let matches = self
            .in_turn(move || {
                let phc = stored.as_deref().unwrap_or(NOBODYS);
                Argon2::default()
                    .verify_password(password.as_bytes(), phc)
                    .is_ok()
            })
            .await?;
        Ok(matches && exists)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let Ok(_waits) = self.waiting.clone().try_acquire_owned() else {
            return Err(Fault::new(
                FaultCode::Overloaded,
                "a sign-in in a quieter moment",
                "too many at once",
            ));
        };
        // The semaphore is never closed.
        let _turn = self.at_once.acquire().await;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| internal("a password hash"))
    }
}

fn internal(expected: &str) -> Fault {
    Fault::new(FaultCode::Internal, expected, "none from the system")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_hash_alone() {
        let passwords = Passwords::default();
        let phc = passwords.hash("correct horse").await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(!phc.contains("horse"));
        let other = passwords.hash("correct horse").await.unwrap();
        assert_ne!(phc, other, "salted");
        let matches = async |password: &str, stored: Option<&str>| {
            let stored = stored.map(str::to_owned);
            passwords.matches(password, stored).await.unwrap()
        };
        assert!(matches("correct horse", Some(&phc)).await);
        assert!(!matches("Correct horse", Some(&phc)).await);
        assert!(!matches("", Some(&phc)).await);
        assert!(!matches("correct horse", None).await);
        assert!(!matches("correct horse", Some("nonsense")).await);
        assert!(argon2::password_hash::phc::PasswordHash::new(NOBODYS).is_ok());
    }
}
