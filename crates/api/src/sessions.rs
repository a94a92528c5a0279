//! Signing in with a password: a cookie that lasts a month, and with it tokens that last a quarter of an hour, good for
//! everything of the person: REST, SOAP, and SIP.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convoke_types::{Aor, Fault, FaultCode};
use runtime::clock;
use serde::{Deserialize, Serialize};
use store::{NewSession, NewSessionToken};
use utoipa::ToSchema;

use crate::accounts::{Accounts, Change, Checked, TOKEN_CHARS, now, random_text, wrong_password};
use crate::caller::{SESSION_PREFIX, SecretDigest};
use crate::directory::store_fault;
use crate::throttle::Throttle;

/// How long a token lasts.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a cookie lasts after it was last used.
pub(crate) const COOKIE_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Longest password that is looked at, in characters.
pub(crate) const PASSWORD_MAX_CHARS: usize = 256;
/// Where SIP over WebSocket is, under the server's URL.
const SIP_PATH: &str = "/sip";

/// Who signed in, and with what.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    /// The token: `Authorization: Bearer` of REST, SOAP and SIP.
    pub token: String,
    /// Until when, milliseconds since 1970. Renew it before.
    pub expires_at: i64,
    /// Whose it is.
    #[schema(value_type = String)]
    pub user: Aor,
    /// The name that others see.
    pub name: String,
    /// The language that the person chose, a BCP 47 tag; absent while none is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The domain of the accounts.
    pub domain: String,
    /// Where SIP over WebSocket is, under the server's URL.
    pub sip: String,
    /// The account by which conferences invite for who called by another way than a message; absent where they have none.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conferences: Option<Aor>,
    /// What there is for pictures; absent without a video server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoView>,
}

/// Pictures in conferences.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Video)]
pub struct VideoView {
    /// The account that is asked for video conferences (docs/video.md); absent where nobody is.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocator: Option<Aor>,
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub(crate) enum NotSignedIn {
    /// As the fault says.
    Fault(Fault),
    /// Too many wrong passwords; the next one is looked at after so long.
    Wait(Duration),
}

impl From<Fault> for NotSignedIn {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The operations. Clones are one.
#[derive(Clone)]
pub(crate) struct Sessions {
    accounts: Accounts,
    conferences: Option<Aor>,
    video: Option<VideoView>,
    throttle: Arc<Mutex<Throttle>>,
}

impl Sessions {
    pub(crate) fn new(
        accounts: Accounts,
        conferences: Option<Aor>,
        video: Option<VideoView>,
    ) -> Self {
        Self {
            accounts,
            conferences,
            video,
            throttle: Arc::default(),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks a password; what is wrong is counted against the person and the address that it came from.
    pub(crate) async fn check(
        &self,
        aor: &Aor,
        password: &str,
        from: IpAddr,
    ) -> Result<Checked, NotSignedIn> {
        let person = aor.to_string();
        let begun = self.throttle().begin(from, &person, clock::now());
        if let Err(wait) = begun {
            tracing::warn!(%from, user = %aor, "a sign-in is refused: too many wrong passwords");
            return Err(NotSignedIn::Wait(wait));
        }
        let checked = match password.chars().count() <= PASSWORD_MAX_CHARS {
            true => self.accounts.check_password(aor, password).await,
            false => Ok(None),
        };
        match checked {
            Ok(Some(checked)) => {
                self.throttle().forgive(from, &person);
                Ok(checked)
            }
            Ok(None) => {
                tracing::info!(%from, user = %aor, "a wrong password");
                Err(wrong_password().into())
            }
            // Nobody looked at it.
            Err(fault) => {
                self.throttle().undo(from, &person);
                Err(fault.into())
            }
        }
    }

    /// Signs a person in; gives the new cookie too.
    pub(crate) async fn sign_in(
        &self,
        user: &str,
        password: &str,
        from: IpAddr,
    ) -> Result<(SessionView, String), NotSignedIn> {
        let aor = self.accounts.aor(user)?;
        let checked = self.check(&aor, password, from).await?;
        let cookie = random_text(TOKEN_CHARS)?;
        let (token, new) = new_token()?;
        let at = now();
        let session = NewSession {
            aor: aor.clone(),
            phc: checked.0,
            cookie: SecretDigest::of(&cookie).bytes(),
            created_at: at,
            expires_at: after(at, COOKIE_LIFE),
        };
        let opened = self.accounts.store().open_session(session, new).await;
        let opened = opened.map_err(store_fault)?.ok_or_else(wrong_password)?;
        self.accounts.tell(&aor, Change::TokenAdded);
        self.accounts.tell_ended(&aor, opened.ended);
        tracing::info!(%from, user = %aor, session = opened.session, "signed in");
        Ok((self.view(aor, token, new.expires_at).await?, cookie))
    }

    /// One more token for who has the cookie.
    pub(crate) async fn renew(&self, cookie: &str) -> Result<SessionView, Fault> {
        let (token, new) = new_token()?;
        let at = now();
        let cookie = SecretDigest::of(cookie).bytes();
        let store = self.accounts.store();
        let renewed = store
            .renew_session(cookie, new, at, after(at, COOKIE_LIFE))
            .await
            .map_err(store_fault)?
            .ok_or_else(signed_out)?;
        self.accounts.tell(&renewed.aor, Change::TokenAdded);
        self.accounts.tell_ended(&renewed.aor, renewed.ended);
        self.view(renewed.aor, token, new.expires_at).await
    }

    /// Ends the session of this cookie, or of this token: tokens, cookie, and what was opened with them.
    pub(crate) async fn end(&self, cookie: Option<&str>, token: Option<&str>) -> Result<(), Fault> {
        let store = self.accounts.store();
        let at = now();
        let mut ended_any = false;
        if let Some(cookie) = cookie {
            let cookie = SecretDigest::of(cookie).bytes();
            let found = store.session_of(cookie, at).await.map_err(store_fault)?;
            if let Some((session, aor)) = found {
                self.end_session(session, &aor).await?;
                ended_any = true;
            }
        }
        if let Some(token) = token {
            let hash = SecretDigest::of(token).bytes();
            let found = store.session_token(hash, at).await.map_err(store_fault)?;
            if let Some(token) = found {
                self.end_session(token.session, &token.aor).await?;
                ended_any = true;
            }
        }
        ended_any.then_some(()).ok_or_else(signed_out)
    }

    async fn end_session(&self, session: i64, aor: &Aor) -> Result<(), Fault> {
        let store = self.accounts.store();
        let ended = store.end_session(session, now()).await;
        self.accounts.tell_ended(aor, ended.map_err(store_fault)?);
        tracing::info!(user = %aor, session, "signed out");
        Ok(())
    }

    async fn view(&self, aor: Aor, token: String, expires_at: i64) -> Result<SessionView, Fault> {
        let account = self.accounts.account(&aor).await?;
        Ok(SessionView {
            token,
            expires_at,
            user: aor,
            name: account.display_name,
            language: account.language,
            domain: self.accounts.domain().to_owned(),
            sip: SIP_PATH.to_owned(),
            conferences: self.conferences.clone(),
            video: self.video.clone(),
        })
    }
}

fn new_token() -> Result<(String, NewSessionToken), Fault> {
    let token = format!("{SESSION_PREFIX}{}", random_text(TOKEN_CHARS)?);
    let new = NewSessionToken {
        hash: SecretDigest::of(&token).bytes(),
        expires_at: after(now(), TOKEN_LIFE),
    };
    Ok((token, new))
}

fn after(at: i64, life: Duration) -> i64 {
    at.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX))
}

fn signed_out() -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        "the cookie of a session",
        "none, or one that has ended; sign in again",
    )
}
