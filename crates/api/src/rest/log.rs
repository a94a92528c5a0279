//! The message log, for the administrator's key.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Refusal};
use super::users::audit;
use super::who::Administrator;
use crate::directory::store_fault;

/// Entries unless another number is asked for.
const ENTRIES_DEFAULT: usize = 50;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only what this account sent or received.
    user: Option<String>,
    /// How many, at most 500.
    limit: Option<usize>,
    /// With bodies, which is written to the audit log.
    #[serde(default)]
    bodies: bool,
}

/// A logged message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedMessage {
    /// Its place in the log.
    id: i64,
    /// When it came.
    at: i64,
    /// The authenticated sender.
    from: String,
    /// The recipient.
    to: String,
    /// The Content-Type as it came.
    content_type: String,
    /// The size of the body.
    bytes: usize,
    /// A command, an answer or a report.
    control: bool,
    /// When the first device took it.
    delivered_at: Option<i64>,
    /// The body, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// The message log.
#[utoipa::path(get, path = "/api/v1/messages", operation_id = "listMessages", tag = "administration", params(LogQuery),
    responses((status = 200, description = "The newest entries, oldest first", body = Vec<LoggedMessage>), Refusal))]
pub(crate) async fn messages(
    _: Administrator,
    State(rest): State<Rest>,
    Asked(query): Asked<LogQuery>,
) -> Result<Json<Vec<LoggedMessage>>, Refusal> {
    let accounts = &rest.http.accounts;
    let limit = query.limit.unwrap_or(ENTRIES_DEFAULT).min(store::PAGE_MAX);
    if query.bodies {
        let whose = query.user.as_deref().unwrap_or("all");
        let detail = "message bodies were read".to_owned();
        audit(accounts, "log.bodies", whose, detail).await?;
    }
    let store = accounts.store();
    let found = match &query.user {
        Some(user) => {
            let person = accounts.aor(user)?.to_string();
            store.history(&person, None, limit).await
        }
        None => store.log_newest(limit).await,
    };
    let mut rows = found.map_err(store_fault)?;
    rows.sort_by_key(|message| message.id);
    let view = |message: store::Message| LoggedMessage {
        id: message.id.0,
        at: message.logged.at,
        from: message.logged.from.to_string(),
        to: message.logged.to.to_string(),
        content_type: message.logged.content_type,
        bytes: message.logged.body.len(),
        control: message.logged.control,
        delivered_at: message.delivered_at,
        body: query
            .bodies
            .then(|| String::from_utf8_lossy(&message.logged.body).into_owned()),
    };
    Ok(Json(rows.into_iter().map(view).collect()))
}
