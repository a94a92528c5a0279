//! Accounts, for the administrator's key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use convoke_types::{Fault, FaultCode, loggable};
use serde::{Deserialize, Serialize};
use store::AccountKind;
use utoipa::ToSchema;

use super::Rest;
use super::answer::{Body, Place, Refusal};
use super::who::Administrator;
use crate::accounts::{
    AccountView, Accounts, DeviceView, MintedDevice, MintedToken, TelephoneView, TokenView, now,
    random_text,
};
use crate::directory::store_fault;
use crate::sessions::PASSWORD_MAX_CHARS;

/// Its life unless another is asked for, in days.
const TOKEN_DAYS_DEFAULT: u32 = 90;
/// Shortest password that is taken, in characters (NIST SP 800-63B §3.1.1.2 allows 8 where there are other bounds).
pub(crate) const PASSWORD_MIN_CHARS: usize = 8;
/// Random characters of a password that is made here: 80 bits.
const PASSWORD_CHARS: usize = 16;

/// The name of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameBody {
    /// The name that others see.
    name: String,
}

/// What something is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelBody {
    /// In the person's words.
    label: String,
    /// How many days it is good for (tokens only).
    #[serde(default)]
    #[schema(minimum = 1)]
    days: Option<u32>,
}

/// A password to be.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordBody {
    /// The password, of at least 8 characters; without it one is made.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
}

/// A password that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasswordMade {
    /// The password, where it was made here; the only time that it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Refuses what is too easily guessed, and what is needlessly long.
pub(crate) fn good_password(password: &str) -> Result<&str, Fault> {
    let chars = password.chars().count();
    if (PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&chars) {
        return Ok(password);
    }
    Err(Fault::new(
        FaultCode::BadRequest,
        format!("{PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters"),
        format!("{chars} characters"),
    ))
}

/// Writes down what the administrator did.
pub(super) async fn audit(
    accounts: &Accounts,
    action: &str,
    target: &str,
    detail: String,
) -> Result<(), Fault> {
    let entry = store::AuditEntry {
        at: now(),
        actor: "administrator".to_owned(),
        action: action.to_owned(),
        target: loggable(target),
        detail,
        request: None,
    };
    let written = accounts.store().audit(entry).await;
    written.map(|_| ()).map_err(store_fault)
}

/// The accounts.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "listUsers", tag = "administration",
    responses((status = 200, description = "Every account", body = Vec<AccountView>), Refusal))]
pub(crate) async fn list(
    _: Administrator,
    State(rest): State<Rest>,
) -> Result<Json<Vec<AccountView>>, Refusal> {
    Ok(Json(rest.http.accounts.list().await?))
}

/// One account.
#[utoipa::path(get, path = "/api/v1/users/{user}", operation_id = "showUser", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "The account", body = AccountView), Refusal))]
pub(crate) async fn one(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
) -> Result<Json<AccountView>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    Ok(Json(accounts.one(&aor).await?))
}

/// Make or rename an account.
#[utoipa::path(put, path = "/api/v1/users/{user}", operation_id = "saveUser", tag = "administration", request_body = NameBody,
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn save(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<NameBody>,
) -> Result<Json<()>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    // People are found by their names in lower case; BOB beside bob would be called by nobody, and taken for him.
    if aor.user().bytes().any(|byte| byte.is_ascii_uppercase()) {
        let expected = "a user name in lower case";
        return Err(Fault::new(FaultCode::BadRequest, expected, loggable(aor.user())).into());
    }
    let known = accounts.store().account(&aor).await;
    // What is trusted with the identities of others is made by the server alone.
    if known
        .map_err(store_fault)?
        .is_some_and(|known| known.kind == AccountKind::Service)
    {
        let expected = "the account of a person";
        return Err(Fault::new(FaultCode::NotAllowed, expected, "that of a service").into());
    }
    accounts.save(&aor, &body.name, AccountKind::Person).await?;
    Ok(Json(()))
}

/// Set a person's password.
///
/// Ends every session of theirs. Device passwords and the tokens of programs stay good: take them back one by one.
#[utoipa::path(put, path = "/api/v1/users/{user}/password", operation_id = "setUserPassword", tag = "administration", request_body = PasswordBody,
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "Done", body = PasswordMade), Refusal))]
pub(crate) async fn save_password(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<PasswordBody>,
) -> Result<Json<PasswordMade>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    let made = match &body.password {
        Some(_) => None,
        None => Some(random_text(PASSWORD_CHARS)?),
    };
    let password = body.password.as_ref().or(made.as_ref());
    let password = good_password(password.map_or("", String::as_str))?;
    accounts.set_password(&aor, password).await?;
    let detail = "the password for signing in".to_owned();
    audit(accounts, "password.set", &aor.to_string(), detail).await?;
    Ok(Json(PasswordMade { password: made }))
}

/// Somebody's telephones.
#[utoipa::path(get, path = "/api/v1/users/{user}/telephones", operation_id = "getUserTelephones", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "In the order in which they are to be tried", body = Vec<TelephoneView>), Refusal))]
pub(crate) async fn telephones(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
) -> Result<Json<Vec<TelephoneView>>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    accounts.account(&aor).await?;
    Ok(Json(accounts.telephones(&aor).await?))
}

/// Replace somebody's telephones.
#[utoipa::path(put, path = "/api/v1/users/{user}/telephones", operation_id = "saveUserTelephones", tag = "administration", request_body = Vec<TelephoneView>,
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn save_telephones(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<Vec<TelephoneView>>,
) -> Result<Json<()>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    accounts.save_telephones(&aor, body).await?;
    Ok(Json(()))
}

/// Somebody's device passwords.
#[utoipa::path(get, path = "/api/v1/users/{user}/devices", operation_id = "listDevices", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "Those in force, the oldest first", body = Vec<DeviceView>), Refusal))]
pub(crate) async fn devices(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
) -> Result<Json<Vec<DeviceView>>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    Ok(Json(accounts.devices(&aor).await?))
}

/// Make a device password.
#[utoipa::path(post, path = "/api/v1/users/{user}/devices", operation_id = "mintDevice", tag = "administration", request_body = LabelBody,
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 201, description = "Made; shown this once", body = MintedDevice), Refusal))]
pub(crate) async fn mint_device(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<LabelBody>,
) -> Result<(StatusCode, Json<MintedDevice>), Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    let minted = accounts.mint_device(&aor, &body.label).await?;
    let detail = format!("password {} for {}", minted.id, loggable(&body.label));
    // Nobody sees a password whose making is not written down.
    audit(accounts, "device.mint", &aor.to_string(), detail).await?;
    Ok((StatusCode::CREATED, Json(minted)))
}

/// Take a device password back.
#[utoipa::path(delete, path = "/api/v1/users/{user}/devices/{id}", operation_id = "revokeDevice", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`"), ("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn revoke_device(
    _: Administrator,
    State(rest): State<Rest>,
    Place((user, id)): Place<(String, i64)>,
) -> Result<Json<()>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    accounts.revoke_device(&aor, id).await?;
    let detail = format!("password {id}");
    audit(accounts, "device.revoke", &aor.to_string(), detail).await?;
    Ok(Json(()))
}

/// The tokens of somebody's programs.
#[utoipa::path(get, path = "/api/v1/users/{user}/tokens", operation_id = "listUserTokens", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 200, description = "Those that are good, the oldest first", body = Vec<TokenView>), Refusal))]
pub(crate) async fn tokens(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
) -> Result<Json<Vec<TokenView>>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    Ok(Json(accounts.tokens(&aor).await?))
}

/// Make a program's token, with the scope conference.
#[utoipa::path(post, path = "/api/v1/users/{user}/tokens", operation_id = "mintToken", tag = "administration", request_body = LabelBody,
    params(("user" = String, Path, description = "`alice`, or `alice@domain`")),
    responses((status = 201, description = "Made; shown this once", body = MintedToken), Refusal))]
pub(crate) async fn mint_token(
    _: Administrator,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<LabelBody>,
) -> Result<(StatusCode, Json<MintedToken>), Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    let days = body.days.unwrap_or(TOKEN_DAYS_DEFAULT);
    let minted = accounts.mint_token(&aor, &body.label, days).await?;
    let (id, until) = (minted.id, minted.expires_at);
    let detail = format!("token {id} until {until} for {}", loggable(&body.label));
    audit(accounts, "token.mint", &aor.to_string(), detail).await?;
    Ok((StatusCode::CREATED, Json(minted)))
}

/// Take a program's token back.
///
/// The webhooks that were made with it go too.
#[utoipa::path(delete, path = "/api/v1/users/{user}/tokens/{id}", operation_id = "revokeUserToken", tag = "administration",
    params(("user" = String, Path, description = "`alice`, or `alice@domain`"), ("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn revoke_token(
    _: Administrator,
    State(rest): State<Rest>,
    Place((user, id)): Place<(String, i64)>,
) -> Result<Json<()>, Refusal> {
    let accounts = &rest.http.accounts;
    let aor = accounts.aor(&user)?;
    accounts.revoke_token(&aor, id).await?;
    let detail = format!("token {id}");
    audit(accounts, "token.revoke", &aor.to_string(), detail).await?;
    Ok(Json(()))
}
