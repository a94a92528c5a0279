//! Invitations that came to oneself lately, whoever sent them: for a window that begins anew while it rings.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use store::Invited;
use utoipa::ToSchema;

use super::Rest;
use super::answer::Refusal;
use super::who::Person;
use crate::accounts::now;
use crate::directory::store_fault;

/// Those that came earlier are left out, in milliseconds: the three minutes that a telephone rings at most, and a margin. Our own
/// invitations may be answered for two.
const LATELY_MS: i64 = 300_000;
/// In one answer, at most.
const INVITATIONS_MAX: usize = 100;

/// Invitations that came lately.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invitations {
    /// The newest first.
    invitations: Vec<InvitationView>,
}

/// An invitation into a conference to me, or my answer to one.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationLetter)]
pub(crate) struct InvitationView {
    /// Its place in the message log.
    id: i64,
    /// When it came.
    at: i64,
    /// Who sent it: a person, or a service for whoever its document names.
    from: String,
    /// To whom.
    to: String,
    /// The XML document, which says until when it may be answered.
    document: String,
}

impl From<Invited> for InvitationView {
    fn from(of: Invited) -> Self {
        Self {
            id: of.message.id.0,
            at: of.message.logged.at,
            from: of.message.logged.from.to_string(),
            to: of.message.logged.to.to_string(),
            document: of.document,
        }
    }
}

/// Invitations that came to me within the last five minutes, and my answers to them. Whether one still rings is told by its conference.
#[utoipa::path(get, path = "/api/v1/me/invitations", operation_id = "listInvitations", tag = "me",
    responses((status = 200, description = "The newest hundred", body = Invitations), Refusal))]
pub(crate) async fn invitations(
    Person(me): Person,
    State(rest): State<Rest>,
) -> Result<Json<Invitations>, Refusal> {
    let store = rest.http.accounts.store();
    let since = now().saturating_sub(LATELY_MS);
    let found = store
        .invitations(&me.to_string(), since, INVITATIONS_MAX)
        .await;
    let invitations = found.map_err(store_fault)?.into_iter().map(Into::into);
    Ok(Json(Invitations {
        invitations: invitations.collect(),
    }))
}
