//! Oneself: name, language, password, telephones (the telephone profile service, T11).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use convoke_types::{Aor, E164, Fault, FaultCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rest;
use super::answer::{Body, Error, Place, Refusal};
use super::users::good_password;
use super::who::{Peer, Person, Program};
use crate::accounts::{TelephoneView, TokenView, now};
use crate::caller::{SecretDigest, bearer};
use crate::dialplan::DialPlan;
use crate::directory::store_fault;
use crate::http::authorization;

/// Oneself.
#[derive(Serialize, ToSchema)]
pub(crate) struct Profile {
    /// Address of record.
    #[schema(value_type = String)]
    user: Aor,
    /// The name that others see.
    name: String,
    /// The language of prompts and words, a BCP 47 tag; absent while none is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// What one may change of oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileBody {
    /// The name that others see.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The language of prompts and words, a BCP 47 tag. Without one the window follows the browser, and telephones hear the server's.
    #[serde(default)]
    #[schema(min_length = 2, max_length = 35)]
    language: Option<String>,
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password until now.
    current: String,
    /// The new one.
    #[schema(min_length = 8, max_length = 256)]
    new: String,
}

/// Who I am.
#[utoipa::path(get, path = "/api/v1/me", operation_id = "getMe", tag = "me",
    responses((status = 200, description = "Oneself", body = Profile), Refusal))]
pub(crate) async fn profile(
    Program { me: user, .. }: Program,
    State(rest): State<Rest>,
) -> Result<Json<Profile>, Refusal> {
    let account = rest.http.accounts.account(&user).await?;
    Ok(Json(Profile {
        user,
        name: account.display_name,
        language: account.language,
    }))
}

/// Change my name or language.
#[utoipa::path(put, path = "/api/v1/me", operation_id = "saveMe", tag = "me", request_body = ProfileBody,
    responses((status = 200, description = "Oneself as it is now", body = Profile), Refusal))]
pub(crate) async fn save_profile(
    Person(user): Person,
    State(rest): State<Rest>,
    Body(body): Body<ProfileBody>,
) -> Result<Json<Profile>, Refusal> {
    let accounts = &rest.http.accounts;
    accounts
        .save_profile(&user, &body.name, body.language.as_deref())
        .await?;
    profile(
        Program {
            me: user,
            token: None,
        },
        State(rest),
    )
    .await
}

/// Change my password.
///
/// Ends every other session of mine. Device passwords and the tokens of programs stay good: take them back one by one.
#[utoipa::path(put, path = "/api/v1/me/password", operation_id = "changePassword", tag = "me", request_body = PasswordChange,
    responses((status = 200, description = "Done", body = ()),
        (status = 429, description = "Too many wrong passwords", body = Error,
            headers(("Retry-After" = u64, description = "When the next one is looked at, in seconds"))),
        Refusal))]
pub(crate) async fn save_password(
    Person(user): Person,
    State(rest): State<Rest>,
    peer: Peer,
    headers: HeaderMap,
    Body(body): Body<PasswordChange>,
) -> Result<Json<()>, Refusal> {
    let checked = rest
        .sessions
        .check(&user, &body.current, peer.address)
        .await?;
    let accounts = &rest.http.accounts;
    let token = bearer(authorization(&headers)).unwrap_or_default();
    let hash = SecretDigest::of(token).bytes();
    let mine = accounts.store().session_token(hash, now()).await;
    let mine = mine.map_err(store_fault)?.map(|token| token.session);
    let new = good_password(&body.new)?;
    accounts.change_password(&user, new, checked, mine).await?;
    Ok(Json(()))
}

/// My telephones.
#[utoipa::path(get, path = "/api/v1/me/telephones", operation_id = "getTelephones", tag = "me",
    responses((status = 200, description = "In the order in which they are to be tried", body = Vec<TelephoneView>), Refusal))]
pub(crate) async fn telephones(
    Person(user): Person,
    State(rest): State<Rest>,
) -> Result<Json<Vec<TelephoneView>>, Refusal> {
    Ok(Json(rest.http.accounts.telephones(&user).await?))
}

/// Replace my telephones.
///
/// A new number that may not be called (abroad, say) is refused.
#[utoipa::path(put, path = "/api/v1/me/telephones", operation_id = "saveTelephones", tag = "me", request_body = Vec<TelephoneView>,
    responses((status = 200, description = "As they are now", body = Vec<TelephoneView>), Refusal))]
pub(crate) async fn save_telephones(
    Person(user): Person,
    State(rest): State<Rest>,
    Body(body): Body<Vec<TelephoneView>>,
) -> Result<Json<Vec<TelephoneView>>, Refusal> {
    let accounts = &rest.http.accounts;
    if let Some(plan) = &rest.http.dialplan {
        let known = accounts.telephones(&user).await?;
        callable(plan, &known, &body)?;
    }
    accounts.save_telephones(&user, body).await?;
    Ok(Json(accounts.telephones(&user).await?))
}

/// A number at which nobody would ever be called is refused when it is entered, not when somebody wants to call. Those that are there already,
/// by the administrator or under former rules, stay.
///
/// # Errors
/// `number-refused`, with which of them.
fn callable(
    plan: &DialPlan,
    known: &[TelephoneView],
    wanted: &[TelephoneView],
) -> Result<(), Fault> {
    for (at, telephone) in wanted.iter().enumerate() {
        let is_known = known.iter().any(|one| one.number == telephone.number);
        // What is no number at all is refused as that when it is saved.
        let number = telephone.number.parse::<E164>().ok();
        if let Some(number) = number.filter(|_| !is_known) {
            plan.permit(&number).map_err(|fault| fault.about(at))?;
        }
    }
    Ok(())
}

/// My programs' tokens.
#[utoipa::path(get, path = "/api/v1/me/tokens", operation_id = "listTokens", tag = "me",
    responses((status = 200, description = "Those that are good, the oldest first", body = Vec<TokenView>), Refusal))]
pub(crate) async fn tokens(
    Person(user): Person,
    State(rest): State<Rest>,
) -> Result<Json<Vec<TokenView>>, Refusal> {
    Ok(Json(rest.http.accounts.tokens(&user).await?))
}

/// Take one of my programs' tokens back.
///
/// The webhooks that were made with it go too.
#[utoipa::path(delete, path = "/api/v1/me/tokens/{id}", operation_id = "revokeToken", tag = "me",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn revoke_token(
    Person(user): Person,
    State(rest): State<Rest>,
    Place(id): Place<i64>,
) -> Result<Json<()>, Refusal> {
    rest.http.accounts.revoke_token(&user, id).await?;
    Ok(Json(()))
}

/// An account by what stands in a path: `bob`, or `bob@domain`.
pub(super) async fn somebody(rest: &Rest, user: &str) -> Result<Aor, Fault> {
    let aor = rest.http.accounts.aor(user)?;
    rest.http.accounts.account(&aor).await?;
    Ok(aor)
}

/// At most so many entries of a list, and no more than `most`.
pub(super) fn page(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Fault> {
    let limit = asked.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Fault::new(
        FaultCode::BadRequest,
        format!("a limit of 1 to {most}"),
        limit.to_string(),
    ))
}
