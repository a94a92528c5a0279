//! The operations on accounts: people, their telephones, their passwords, device passwords and tokens. For the REST calls and
//! for who sets an installation up.

mod telephones;

use convoke_types::address::{BadAddress, CONFERENCE_USER};
use convoke_types::{Aor, Fault, FaultCode, NumberRefusal, loggable};
use runtime::clock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sip_proto::auth::Credential;
use store::{Account, AccountKind, ApiToken, Ha1, NewDevice, NewPassword, Store, StoreError};
use utoipa::ToSchema;

use crate::caller::{SCOPE_CONFERENCE, TOKEN_PREFIX};
use crate::directory::store_fault;
use crate::passwords::Passwords;

pub use telephones::{PlaceKind, TelephoneView};
use telephones::{telephones_of, view_of};

/// Legs at once that a new account's conferences may have (T12).
const PORTS_DEFAULT: u32 = 50;
/// Longest life of a token, in days.
const TOKEN_DAYS_MAX: u32 = 3_650;
/// How the labels of device passwords begin that the command line makes for one session and takes back at its end.
pub const SESSION_LABEL: &str = "convoke ";
const DAY_MS: i64 = 86_400_000;
/// Random characters of a device password: 110 bits at 5 bits each, for there are 32 letters.
const PASSWORD_CHARS: usize = 22;
/// Random characters of a token: 160 bits.
pub(crate) const TOKEN_CHARS: usize = 32;
/// Longest label or name, in characters.
const LABEL_MAX_CHARS: usize = 64;
/// Longest language tag, in characters.
const LANGUAGE_MAX_CHARS: usize = 35;

/// Told when an account or its passwords change, so that caches forget it and what a revoked password opened is closed.
pub type Changed = std::sync::Arc<dyn Fn(&Aor, Change) + Send + Sync>;

/// What changed of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A device password is in force no more.
    Revoked {
        /// Its number.
        device: i64,
    },
    /// A token of a session is in force no more.
    TokenRevoked {
        /// Its number.
        token: i64,
    },
    /// A session got one more token; nothing else.
    TokenAdded,
    /// Anything else: it was made or renamed, or got one more device password.
    Other,
}

/// The operations on accounts, for the REST calls and for who sets an installation up.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    domain: String,
    realm: String,
    changed: Changed,
    passwords: Passwords,
}

/// An account as REST shows it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// Address of record.
    #[schema(value_type = String)]
    pub user: Aor,
    /// The name that others see.
    pub name: String,
    /// Their telephones.
    pub telephones: Vec<TelephoneView>,
    /// It is a service's, not a person's; missing: a person's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
}

/// A new device password; the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MintedDevice {
    /// For revoking.
    pub id: i64,
    /// The user name for digest authentication.
    pub username: String,
    /// The realm for digest authentication.
    pub realm: String,
    /// The password.
    pub password: String,
}

/// A device password in force; the password itself is shown once only, when it is made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Device)]
pub struct DeviceView {
    /// For revoking.
    pub id: i64,
    /// What the device is called.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_at: i64,
}

/// A program's token in force; the token itself is shown once only, when it is made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub struct TokenView {
    /// For taking it back.
    pub id: i64,
    /// What it is for.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_at: i64,
    /// Until when it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// A new token; the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MintedToken {
    /// For taking it back.
    pub id: i64,
    /// The token.
    pub token: String,
    /// Until when, milliseconds since 1970.
    pub expires_at: i64,
}

/// A password that was the right one when it was checked, as it is stored: what follows from that holds only while it is still
/// there.
pub(crate) struct Checked(pub String);

/// The same whether the person or the password is wrong.
pub(crate) fn wrong_password() -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        "a user with their password",
        "another user or password",
    )
}

impl Accounts {
    /// Operations on this store's accounts. `realm` is the digest realm of the IM server.
    #[must_use]
    pub fn new(store: Store, domain: String, realm: String, changed: Changed) -> Self {
        Self {
            store,
            domain,
            realm,
            changed,
            passwords: Passwords::default(),
        }
    }

    /// `bob` or `bob@domain` as an address of record of this domain.
    ///
    /// # Errors
    /// `bad-request`.
    pub fn aor(&self, user: &str) -> Result<Aor, Fault> {
        let parsed = if user.contains('@') {
            user.parse()
        } else {
            Aor::new(user, &self.domain)
        };
        parsed.map_err(|error| {
            Fault::new(FaultCode::BadRequest, error.expected, loggable(&error.came))
        })
    }

    /// Makes an account, or renames one: everything else of it stays, save that a person's becomes a service's where that is
    /// asked for. A service stays one, for what is written to it must not be kept (architecture, decision 7).
    ///
    /// # Errors
    /// `bad-request` for a name that conferences have, and from the store.
    pub async fn save(&self, aor: &Aor, name: &str, kind: AccountKind) -> Result<(), Fault> {
        let known = self.store.account(aor).await.map_err(store_fault)?;
        let begins = aor.user().get(..CONFERENCE_USER.len());
        if known.is_none() && begins.is_some_and(|it| it.eq_ignore_ascii_case(CONFERENCE_USER)) {
            let expected = format!("a user name that does not begin with {CONFERENCE_USER}");
            let came = "the address of a conference";
            return Err(Fault::new(FaultCode::BadRequest, expected, came));
        }
        let mut account = known.unwrap_or_else(|| Account {
            aor: aor.clone(),
            display_name: String::new(),
            kind,
            language: None,
            ports: PORTS_DEFAULT,
            created_at: now(),
        });
        name.clone_into(&mut account.display_name);
        if kind == AccountKind::Service {
            account.kind = kind;
        }
        self.save_account(account).await
    }

    async fn save_account(&self, account: Account) -> Result<(), Fault> {
        let aor = account.aor.clone();
        self.store
            .save_account(account)
            .await
            .map_err(store_fault)?;
        (self.changed)(&aor, Change::Other);
        Ok(())
    }

    /// The account of this address.
    ///
    /// # Errors
    /// `unknown-person`, and from the store.
    pub async fn account(&self, aor: &Aor) -> Result<Account, Fault> {
        let account = self.store.account(aor).await.map_err(store_fault)?;
        account.ok_or_else(|| {
            Fault::new(
                FaultCode::UnknownPerson,
                "an account of this server",
                aor.to_string(),
            )
        })
    }

    /// Changes what a person may change of their own account.
    ///
    /// # Errors
    /// `bad-request`, `unknown-person`, and from the store.
    pub async fn save_profile(
        &self,
        aor: &Aor,
        name: &str,
        language: Option<&str>,
    ) -> Result<(), Fault> {
        let name = text(name, 1, LABEL_MAX_CHARS, "a name")?;
        if let Some(language) = language.filter(|language| !is_language(language)) {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "a language tag, such as en or de",
                loggable(language),
            ));
        }
        let mut account = self.account(aor).await?;
        account.display_name = name;
        account.language = language.map(str::to_owned);
        self.save_account(account).await
    }

    /// Where accounts are kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The domain of the accounts.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Tells who must know of a change.
    pub(crate) fn tell(&self, aor: &Aor, change: Change) {
        (self.changed)(aor, change);
    }

    /// Every account.
    ///
    /// # Errors
    /// From the store.
    pub async fn list(&self) -> Result<Vec<AccountView>, Fault> {
        let mut views: Vec<AccountView> = Vec::new();
        loop {
            let after = views.last().map(|view| &view.user);
            let page = self.store.accounts(after, store::PAGE_MAX).await;
            let page = page.map_err(store_fault)?;
            let is_last = page.len() < store::PAGE_MAX;
            for account in page {
                views.push(self.view(account).await?);
            }
            if is_last {
                return Ok(views);
            }
        }
    }

    /// One account.
    ///
    /// # Errors
    /// `unknown-person`, and from the store.
    pub async fn one(&self, aor: &Aor) -> Result<AccountView, Fault> {
        self.view(self.account(aor).await?).await
    }

    async fn view(&self, account: Account) -> Result<AccountView, Fault> {
        Ok(AccountView {
            telephones: self.telephones(&account.aor).await?,
            user: account.aor,
            name: account.display_name,
            service: account.kind == AccountKind::Service,
        })
    }

    /// Somebody's telephones, in the order in which they are to be tried.
    ///
    /// # Errors
    /// From the store.
    pub async fn telephones(&self, aor: &Aor) -> Result<Vec<TelephoneView>, Fault> {
        let telephones = self.store.telephones(aor).await.map_err(store_fault)?;
        Ok(telephones.into_iter().map(view_of).collect())
    }

    /// Replaces somebody's telephones.
    ///
    /// # Errors
    /// `unknown-person`, `number-refused`, and from the store.
    pub async fn save_telephones(
        &self,
        aor: &Aor,
        telephones: Vec<TelephoneView>,
    ) -> Result<(), Fault> {
        self.account(aor).await?;
        let known = self.store.telephones(aor).await.map_err(store_fault)?;
        let rows = telephones_of(telephones, &known)?;
        self.store
            .save_telephones(aor, rows)
            .await
            .map_err(store_fault)
    }

    /// Sets the password with which a person signs in. Whoever is signed in with the former one is so no longer, nor can be.
    ///
    /// # Errors
    /// `unknown-person`, `overloaded`, and from the store.
    pub async fn set_password(&self, aor: &Aor, password: &str) -> Result<(), Fault> {
        self.save_password(aor, password, None, None).await
    }

    /// Sets a password in place of one that was checked, and leaves the session `except` alone.
    ///
    /// # Errors
    /// As `set_password`; `unauthenticated` when another password was set meanwhile.
    pub(crate) async fn change_password(
        &self,
        aor: &Aor,
        password: &str,
        checked: Checked,
        except: Option<i64>,
    ) -> Result<(), Fault> {
        self.save_password(aor, password, Some(checked), except)
            .await
    }

    async fn save_password(
        &self,
        aor: &Aor,
        password: &str,
        replaces: Option<Checked>,
        except: Option<i64>,
    ) -> Result<(), Fault> {
        self.account(aor).await?;
        let new = NewPassword {
            phc: self.passwords.hash(password).await?,
            replaces: replaces.map(|checked| checked.0),
            except,
        };
        let saved = self.store.save_password(aor, new, now()).await;
        let ended = saved.map_err(store_fault)?.ok_or_else(wrong_password)?;
        self.tell_ended(aor, ended);
        Ok(())
    }

    /// The person's password, if this is it; the answer takes as long where there is none.
    ///
    /// # Errors
    /// `overloaded`, and from the store.
    pub(crate) async fn check_password(
        &self,
        aor: &Aor,
        password: &str,
    ) -> Result<Option<Checked>, Fault> {
        let phc = self.store.password(aor).await.map_err(store_fault)?;
        let right = self.passwords.matches(password, phc.clone()).await?;
        Ok(phc.filter(|_| right).map(Checked))
    }

    /// Whether the person has a password to sign in with.
    ///
    /// # Errors
    /// From the store.
    pub async fn has_password(&self, aor: &Aor) -> Result<bool, Fault> {
        let phc = self.store.password(aor).await.map_err(store_fault)?;
        Ok(phc.is_some())
    }

    /// Tokens are in force no more: what they opened is closed.
    pub(crate) fn tell_ended(&self, aor: &Aor, tokens: Vec<i64>) {
        for token in tokens {
            self.tell(aor, Change::TokenRevoked { token });
        }
    }

    /// Makes a device password.
    ///
    /// # Errors
    /// `unknown-person`, `internal` without random bytes, and from the store.
    pub async fn mint_device(&self, aor: &Aor, label: &str) -> Result<MintedDevice, Fault> {
        self.account(aor).await?;
        let password = random_text(PASSWORD_CHARS)?;
        let id = match self.save_device(aor, label, &password).await {
            Err(full)
                if full.code == FaultCode::LimitReached && self.revoke_session(aor).await? =>
            {
                self.save_device(aor, label, &password).await?
            }
            saved => saved?,
        };
        Ok(MintedDevice {
            id,
            username: aor.user().to_owned(),
            realm: self.realm.clone(),
            password,
        })
    }

    /// Takes back the oldest password that the command line made for one of its sessions: one that was killed could not.
    /// False: there is none.
    async fn revoke_session(&self, aor: &Aor) -> Result<bool, Fault> {
        let devices = self.store.devices(aor).await.map_err(store_fault)?;
        let oldest = devices
            .iter()
            .filter(|device| device.revoked_at.is_none())
            .filter(|device| device.device.label.starts_with(SESSION_LABEL))
            .min_by_key(|device| device.id);
        match oldest {
            Some(device) => self.revoke_device(aor, device.id).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Stores a device password that somebody chose (the gateway's own, generated in the data directory).
    ///
    /// # Errors
    /// From the store.
    pub async fn save_device(&self, aor: &Aor, label: &str, password: &str) -> Result<i64, Fault> {
        let device = NewDevice {
            aor: aor.clone(),
            label: label.to_owned(),
            ha1: self.ha1(aor, password),
            created_at: now(),
        };
        let id = match self.store.add_device(device).await {
            Err(StoreError::Conflict { .. }) => {
                let limit = format!("at most {} device passwords in force", store::DEVICES_MAX);
                return Err(Fault::new(FaultCode::LimitReached, limit, "one more"));
            }
            added => added.map_err(store_fault)?,
        };
        (self.changed)(aor, Change::Other);
        Ok(id)
    }

    /// A device password of this account as it is stored.
    pub fn ha1(&self, aor: &Aor, password: &str) -> Ha1 {
        let credential = Credential::from_password(aor.user(), &self.realm, password);
        Ha1 {
            md5: credential.md5.unwrap_or_default(),
            sha256: credential.sha256.unwrap_or_default(),
            sha512_256: credential.sha512_256.unwrap_or_default(),
        }
    }

    /// The device passwords of an account that are in force, the oldest first.
    ///
    /// # Errors
    /// `unknown-person`, and from the store.
    pub async fn devices(&self, aor: &Aor) -> Result<Vec<DeviceView>, Fault> {
        self.account(aor).await?;
        let devices = self.store.devices(aor).await.map_err(store_fault)?;
        let in_force = devices
            .into_iter()
            .filter(|device| device.revoked_at.is_none());
        let view = |device: store::Device| DeviceView {
            id: device.id,
            label: device.device.label,
            created_at: device.device.created_at,
        };
        Ok(in_force.map(view).collect())
    }

    /// Takes a device password back.
    ///
    /// # Errors
    /// `unknown-person` when there is no such password in force.
    pub async fn revoke_device(&self, aor: &Aor, id: i64) -> Result<(), Fault> {
        let theirs = self
            .store
            .devices(aor)
            .await
            .map_err(store_fault)?
            .iter()
            .any(|device| device.id == id);
        if !theirs
            || !self
                .store
                .revoke_device(id, now())
                .await
                .map_err(store_fault)?
        {
            return Err(Fault::new(
                FaultCode::UnknownPerson,
                "a device password in force",
                "an unknown id",
            ));
        }
        (self.changed)(aor, Change::Revoked { device: id });
        Ok(())
    }

    /// Makes a token for the SOAP service.
    ///
    /// # Errors
    /// `unknown-person`, `internal` without random bytes, and from the store.
    pub async fn mint_token(
        &self,
        aor: &Aor,
        label: &str,
        days: u32,
    ) -> Result<MintedToken, Fault> {
        self.account(aor).await?;
        let token = format!("{TOKEN_PREFIX}{}", random_text(TOKEN_CHARS)?);
        let expires_at =
            now().saturating_add(DAY_MS.saturating_mul(i64::from(days.clamp(1, TOKEN_DAYS_MAX))));
        let row = ApiToken {
            hash: Sha256::digest(token.as_bytes()).into(),
            aor: aor.clone(),
            label: label.to_owned(),
            scopes: SCOPE_CONFERENCE.to_owned(),
            created_at: now(),
            expires_at: Some(expires_at),
        };
        let id = self.store.add_token(row).await.map_err(store_fault)?;
        Ok(MintedToken {
            id,
            token,
            expires_at,
        })
    }

    /// The tokens of somebody's programs that are in force, the oldest first.
    ///
    /// # Errors
    /// `unknown-person`, and from the store.
    pub async fn tokens(&self, aor: &Aor) -> Result<Vec<TokenView>, Fault> {
        self.account(aor).await?;
        let tokens = self.store.tokens(aor, now()).await.map_err(store_fault)?;
        let view = |(id, token): (i64, ApiToken)| TokenView {
            id,
            label: token.label,
            created_at: token.created_at,
            expires_at: token.expires_at,
        };
        Ok(tokens.into_iter().map(view).collect())
    }

    /// Takes a program's token back, and with it the webhooks that it made.
    ///
    /// # Errors
    /// `unknown-person` when there is no such token.
    pub async fn revoke_token(&self, aor: &Aor, id: i64) -> Result<(), Fault> {
        let removed = self.store.remove_token(aor, id).await;
        if removed.map_err(store_fault)? {
            return Ok(());
        }
        let expected = "a program's token in force";
        Err(Fault::new(
            FaultCode::UnknownPerson,
            expected,
            "an unknown id",
        ))
    }
}

/// A number in international form.
///
/// # Errors
/// `number-refused`.
pub(crate) fn number(text: &str) -> Result<convoke_types::E164, Fault> {
    text.parse().map_err(|error: BadAddress| {
        Fault::number(
            NumberRefusal::NoNumber,
            error.expected,
            loggable(&error.came),
        )
    })
}

/// A text from outside without control characters, needless space and what nobody sees, of so many characters.
///
/// # Errors
/// `bad-request`.
pub(crate) fn text(text: &str, min: usize, max: usize, what: &str) -> Result<String, Fault> {
    let shown: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let cleaned = soap_proto::clean(&shown, max.saturating_add(1));
    // Joiners alone are nothing to see.
    let is_blank = cleaned
        .chars()
        .all(|c| matches!(c, '\u{200c}' | '\u{200d}'));
    let count = if is_blank { 0 } else { cleaned.chars().count() };
    if (min..=max).contains(&count) {
        return Ok(cleaned);
    }
    let expected = format!("{what} of {min} to {max} characters");
    let came = if count > max { "more" } else { "less" };
    Err(Fault::new(FaultCode::BadRequest, expected, came))
}

/// Whether it may be a BCP 47 tag.
fn is_language(text: &str) -> bool {
    (2..=LANGUAGE_MAX_CHARS).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Marks, embeddings and isolates of writing direction (UAX 9 §2), which turn what stands beside them; spaces and hyphens without
/// width. The joiners of scripts and emoji are none.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The time of day in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    clock::unix_ms(clock::wall())
}

/// Unpredictable text of letters and digits that are hard to confuse.
pub(crate) fn random_text(chars: usize) -> Result<String, Fault> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = vec![0_u8; chars];
    getrandom::fill(&mut random)
        .map_err(|_| Fault::new(FaultCode::Internal, "random bytes", "none from the system"))?;
    Ok(random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).map(|c| char::from(*c)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_something_and_turns_nothing() {
        let name = |came: &str| text(came, 1, 8, "a name").ok();
        assert_eq!(name(" Bob\u{202e} \tK").as_deref(), Some("Bob K"));
        // A family is one letter to the eye.
        let family = "👨\u{200d}👩";
        assert_eq!(name(family).as_deref(), Some(family));
        for blank in ["", " ", "\u{200b}", "\u{202e}\u{2066}", "\u{200d}"] {
            assert_eq!(name(blank), None, "{blank:?}");
        }
    }
}
