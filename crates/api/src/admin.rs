//! Accounts over REST, for the administrator's key: people, their telephones, device passwords and tokens.

use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use convoke_types::limits::NAME_MAX_BYTES;
use convoke_types::{Address, Aor, Fault, FaultCode, loggable};
use runtime::clock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sip_proto::auth::Credential;
use store::{
    Account, AccountKind, ApiToken, Ha1, NewDevice, Store, StoreError, Telephone, TelephoneKind,
};

use crate::caller::{Caller, SCOPE_CONFERENCE};
use crate::directory::store_fault;
use crate::http::{Http, authorization, fault_response};

/// Legs at once that a new account's conferences may have (T12).
const PORTS_DEFAULT: u32 = 50;
/// Longest life of a token, in days.
const TOKEN_DAYS_MAX: u32 = 3_650;
/// Its life unless another is asked for.
const TOKEN_DAYS_DEFAULT: u32 = 90;
/// How the labels of device passwords begin that the command line makes for one session and takes back at its end.
pub const SESSION_LABEL: &str = "convoke ";
const DAY_MS: i64 = 86_400_000;
/// Random characters of a device password: 110 bits at 5 bits each, for there are 32 letters.
const PASSWORD_CHARS: usize = 22;
/// Random characters of a token: 160 bits.
const TOKEN_CHARS: usize = 32;
/// Largest body of a request, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;

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
    /// Anything else: it was made or renamed, or got one more password.
    Other,
}

/// The operations on accounts, for the REST calls and for who sets an installation up.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    domain: String,
    realm: String,
    changed: Changed,
}

/// An account as REST shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountView {
    /// Address of record.
    pub user: Aor,
    /// The name that others see.
    pub name: String,
    /// Their telephones.
    pub telephones: Vec<TelephoneView>,
}

/// A telephone as REST shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelephoneView {
    /// What the person calls it: `work`, `mobile` …
    pub label: String,
    /// The number in international form.
    pub number: String,
    /// Called unless another is asked for.
    #[serde(default)]
    pub default: bool,
    /// Ask for key 1 before joining.
    #[serde(default)]
    pub guard: Option<bool>,
}

/// A new device password; the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// A new token; the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MintedToken {
    /// The token.
    pub token: String,
    /// Until when, milliseconds since 1970.
    pub expires_at: i64,
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
    /// From the store.
    pub async fn save(&self, aor: &Aor, name: &str, kind: AccountKind) -> Result<(), Fault> {
        let known = self.store.account(aor).await.map_err(store_fault)?;
        let mut account = known.unwrap_or_else(|| Account {
            aor: aor.clone(),
            display_name: String::new(),
            kind,
            language: "en".to_owned(),
            ports: PORTS_DEFAULT,
            created_at: now(),
        });
        name.clone_into(&mut account.display_name);
        if kind == AccountKind::Service {
            account.kind = kind;
        }
        self.store
            .save_account(account)
            .await
            .map_err(store_fault)?;
        (self.changed)(aor, Change::Other);
        Ok(())
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
        self.view(self.known(aor).await?).await
    }

    async fn view(&self, account: Account) -> Result<AccountView, Fault> {
        let telephones = self.store.telephones(&account.aor).await;
        let telephones = telephones.map_err(store_fault)?.into_iter();
        Ok(AccountView {
            user: account.aor,
            name: account.display_name,
            telephones: telephones
                .map(|telephone| TelephoneView {
                    label: telephone.label,
                    number: telephone.address.to_string(),
                    default: telephone.is_default,
                    guard: telephone.guard,
                })
                .collect(),
        })
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
        self.known(aor).await?;
        let mut rows = Vec::new();
        for telephone in telephones {
            let label = telephone.label.trim();
            if label.is_empty() || label.len() > NAME_MAX_BYTES {
                let expected = format!("a label of 1 to {NAME_MAX_BYTES} bytes");
                return Err(Fault::new(FaultCode::BadRequest, expected, loggable(label)));
            }
            let number =
                telephone
                    .number
                    .parse()
                    .map_err(|error: convoke_types::address::BadAddress| {
                        Fault::new(
                            FaultCode::NumberRefused,
                            error.expected,
                            loggable(&error.came),
                        )
                    })?;
            rows.push(Telephone {
                kind: match telephone.label.to_lowercase().as_str() {
                    "work" => TelephoneKind::Work,
                    "home" => TelephoneKind::Home,
                    "mobile" => TelephoneKind::Mobile,
                    _ => TelephoneKind::Other,
                },
                label: telephone.label,
                address: Address::Number(number),
                is_default: telephone.default,
                guard: telephone.guard,
                when_to_use: String::new(),
            });
        }
        self.store
            .save_telephones(aor, rows)
            .await
            .map_err(store_fault)
    }

    /// Makes a device password.
    ///
    /// # Errors
    /// `unknown-person`, `internal` without random bytes, and from the store.
    pub async fn mint_device(&self, aor: &Aor, label: &str) -> Result<MintedDevice, Fault> {
        self.known(aor).await?;
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
        self.known(aor).await?;
        let token = format!("cvk_{}", random_text(TOKEN_CHARS)?);
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
        self.store.add_token(row).await.map_err(store_fault)?;
        Ok(MintedToken { token, expires_at })
    }

    async fn known(&self, aor: &Aor) -> Result<Account, Fault> {
        match self.store.account(aor).await.map_err(store_fault)? {
            Some(account) => Ok(account),
            None => Err(Fault::new(
                FaultCode::UnknownPerson,
                "an account of this server",
                aor.to_string(),
            )),
        }
    }
}

fn now() -> i64 {
    clock::unix_ms(clock::wall())
}

/// Unpredictable text of letters and digits that are hard to confuse.
fn random_text(chars: usize) -> Result<String, Fault> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = vec![0_u8; chars];
    getrandom::fill(&mut random)
        .map_err(|_| Fault::new(FaultCode::Internal, "random bytes", "none from the system"))?;
    Ok(random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).map(|c| char::from(*c)))
        .collect())
}

pub(crate) fn routes() -> Router<Http> {
    Router::new()
        .route("/api/v1/users", get(list_users))
        .route("/api/v1/users/{user}", get(one_user).put(save_user))
        .route("/api/v1/users/{user}/telephones", put(save_telephones))
        .route("/api/v1/users/{user}/devices", post(mint_device))
        .route("/api/v1/users/{user}/devices/{id}", delete(revoke_device))
        .route("/api/v1/users/{user}/tokens", post(mint_token))
        .route("/api/v1/messages", get(messages))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameBody {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelBody {
    label: String,
    #[serde(default)]
    days: Option<u32>,
}

#[derive(Deserialize)]
struct LogQuery {
    user: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    bodies: bool,
}

/// The caller has the administrator's key. As the first argument of a handler it is asked before a body is read.
struct Administrator;

impl FromRequestParts<Http> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, http: &Http) -> Result<Self, Response> {
        let fault = match http.keys.caller(authorization(&parts.headers)).await {
            Ok(Caller::Administrator) => return Ok(Self),
            Ok(Caller::Gateway | Caller::Person { .. }) => Fault::new(
                FaultCode::NotAllowed,
                "the administrator's key",
                "another token",
            ),
            Err(fault) => fault,
        };
        Err(fault_response(&fault))
    }
}

impl Http {
    /// Writes down what the administrator did.
    async fn audit(&self, action: &str, target: &str, detail: String) -> Result<(), Fault> {
        let entry = store::AuditEntry {
            at: now(),
            actor: "administrator".to_owned(),
            action: action.to_owned(),
            target: loggable(target),
            detail,
            request: None,
        };
        let written = self.accounts.store.audit(entry).await;
        written.map(|_| ()).map_err(store_fault)
    }
}

fn answer<T: Serialize>(status: StatusCode, result: Result<T, Fault>) -> Response {
    match result {
        Ok(value) => (status, Json(value)).into_response(),
        Err(fault) => fault_response(&fault),
    }
}

async fn list_users(_: Administrator, State(http): State<Http>) -> Response {
    answer(StatusCode::OK, http.accounts.list().await)
}

async fn one_user(
    _: Administrator,
    State(http): State<Http>,
    Path(user): Path<String>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        http.accounts.one(&aor).await
    };
    answer(StatusCode::OK, work.await)
}

async fn save_user(
    _: Administrator,
    State(http): State<Http>,
    Path(user): Path<String>,
    Json(body): Json<NameBody>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        // People are found by their names in lower case; BOB beside bob would be called by nobody, and taken for him.
        if aor.user().bytes().any(|byte| byte.is_ascii_uppercase()) {
            let expected = "a user name in lower case";
            return Err(Fault::new(FaultCode::BadRequest, expected, aor.user()));
        }
        http.accounts
            .save(&aor, &body.name, AccountKind::Person)
            .await
    };
    answer(StatusCode::OK, work.await)
}

async fn save_telephones(
    _: Administrator,
    State(http): State<Http>,
    Path(user): Path<String>,
    Json(body): Json<Vec<TelephoneView>>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        http.accounts.save_telephones(&aor, body).await
    };
    answer(StatusCode::OK, work.await)
}

async fn mint_device(
    _: Administrator,
    State(http): State<Http>,
    Path(user): Path<String>,
    Json(body): Json<LabelBody>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        let minted = http.accounts.mint_device(&aor, &body.label).await?;
        let detail = format!("password {} for {}", minted.id, loggable(&body.label));
        // Nobody sees a password whose making is not written down.
        http.audit("device.mint", &aor.to_string(), detail).await?;
        Ok(minted)
    };
    answer(StatusCode::CREATED, work.await)
}

async fn revoke_device(
    _: Administrator,
    State(http): State<Http>,
    Path((user, id)): Path<(String, i64)>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        http.accounts.revoke_device(&aor, id).await?;
        let detail = format!("password {id}");
        http.audit("device.revoke", &aor.to_string(), detail).await
    };
    answer(StatusCode::OK, work.await)
}

async fn mint_token(
    _: Administrator,
    State(http): State<Http>,
    Path(user): Path<String>,
    Json(body): Json<LabelBody>,
) -> Response {
    let work = async {
        let aor = http.accounts.aor(&user)?;
        let days = body.days.unwrap_or(TOKEN_DAYS_DEFAULT);
        let minted = http.accounts.mint_token(&aor, &body.label, days).await?;
        let detail = format!("until {} for {}", minted.expires_at, loggable(&body.label));
        http.audit("token.mint", &aor.to_string(), detail).await?;
        Ok(minted)
    };
    answer(StatusCode::CREATED, work.await)
}

/// The message log for the administrator; bodies only when asked for, and that is written to the audit log.
async fn messages(
    _: Administrator,
    State(http): State<Http>,
    Query(query): Query<LogQuery>,
) -> Response {
    let work = async {
        let limit = query.limit.unwrap_or(50).min(store::PAGE_MAX);
        let store = &http.accounts.store;
        if query.bodies {
            let whose = query.user.as_deref().unwrap_or("all");
            let detail = "message bodies were read".to_owned();
            http.audit("log.bodies", whose, detail).await?;
        }
        let found = match &query.user {
            Some(user) => {
                store
                    .history(&http.accounts.aor(user)?.to_string(), None, limit)
                    .await
            }
            None => store.log_newest(limit).await,
        };
        let mut rows = found.map_err(store_fault)?;
        rows.sort_by_key(|message| message.id);
        Ok(rows
            .iter()
            .map(|message| message_view(message, query.bodies))
            .collect::<Vec<_>>())
    };
    answer(StatusCode::OK, work.await)
}

fn message_view(message: &store::Message, bodies: bool) -> serde_json::Value {
    let logged = &message.logged;
    let mut view = serde_json::json!({
        "id": message.id.0,
        "at": logged.at,
        "from": &*logged.from,
        "to": &*logged.to,
        "contentType": &*logged.content_type,
        "bytes": logged.body.len(),
        "control": logged.control,
        "deliveredAt": message.delivered_at,
    });
    if bodies && let Some(object) = view.as_object_mut() {
        object.insert(
            "body".to_owned(),
            String::from_utf8_lossy(&logged.body).into(),
        );
    }
    view
}
