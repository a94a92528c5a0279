//! One's own webhooks.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use convoke_types::{Fault, FaultCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rest;
use super::answer::{Body, Place, Refusal};
use super::who::Program;
use crate::directory::store_fault;
use crate::webhooks::{WebhookEvent, Webhooks};

/// A webhook to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub(crate) struct WebhookBody {
    /// Where it is posted to: http or https, a public address unless the operator permits others.
    #[schema(max_length = 2048)]
    url: String,
    /// What it is told.
    #[schema(min_items = 1)]
    events: BTreeSet<WebhookEvent>,
}

/// A webhook that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookMade {
    /// Its number.
    id: i64,
    /// What the header `Convoke-Signature: t=SECONDS,v1=HEX` is made with: HMAC-SHA256 over `SECONDS.BODY`; shown this once.
    secret: String,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    /// Its number.
    id: i64,
    /// Where it is posted to.
    url: String,
    /// What it is told.
    #[schema(value_type = Vec<WebhookEvent>)]
    events: Vec<String>,
    /// When it was made.
    created_at: i64,
    /// How many deliveries wait.
    waiting: u64,
    /// Since when deliveries fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<i64>,
    /// How the last one failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// Webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// Mine, the oldest first.
    webhooks: Vec<WebhookView>,
}

fn running(rest: &Rest) -> Result<&Webhooks, Fault> {
    rest.http.webhooks.as_ref().ok_or_else(|| {
        Fault::new(
            FaultCode::UnknownOperation,
            "a server that runs the conference service",
            "one that does not",
        )
    })
}

/// My webhooks.
#[utoipa::path(get, path = "/api/v1/me/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, description = "All of them", body = WebhookList), Refusal))]
pub(crate) async fn list(
    Program { me, .. }: Program,
    State(rest): State<Rest>,
) -> Result<Json<WebhookList>, Refusal> {
    let found = rest.http.accounts.store().webhooks(&me).await;
    let view = |webhook: store::Webhook| {
        let (failing_since, last_error) = webhook.failing.unzip();
        let events = webhook.hook.events.split_whitespace();
        WebhookView {
            id: webhook.id,
            events: events.map(str::to_owned).collect(),
            url: webhook.hook.url,
            created_at: webhook.hook.created_at,
            waiting: webhook.waiting,
            failing_since,
            last_error,
        }
    };
    let webhooks = found.map_err(store_fault)?.into_iter().map(view).collect();
    Ok(Json(WebhookList { webhooks }))
}

/// Make a webhook.
///
/// It is told what happens in conferences that I own or am in, in order, and again for a day while it does not take it. One
/// that is made with a program's token goes with that token.
#[utoipa::path(post, path = "/api/v1/me/webhooks", operation_id = "addWebhook", tag = "webhooks", request_body = WebhookBody,
    responses((status = 201, description = "Made", body = WebhookMade), Refusal))]
pub(crate) async fn add(
    Program { me, token }: Program,
    State(rest): State<Rest>,
    Body(body): Body<WebhookBody>,
) -> Result<(StatusCode, Json<WebhookMade>), Refusal> {
    let webhooks = running(&rest)?;
    let made = webhooks.add(&me, token, &body.url, body.events).await?;
    let made = WebhookMade {
        id: made.id,
        secret: made.secret,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Remove a webhook.
#[utoipa::path(delete, path = "/api/v1/me/webhooks/{id}", operation_id = "removeWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn remove(
    Program { me, .. }: Program,
    State(rest): State<Rest>,
    Place(id): Place<i64>,
) -> Result<Json<()>, Refusal> {
    running(&rest)?.remove(&me, id).await?;
    Ok(Json(()))
}
