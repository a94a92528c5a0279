//! The HTTP face: SOAP with its WSDL, REST, and the window.

use std::error::Error;
use std::io;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use convoke_types::limits::SOAP_MAX_BYTES;
use convoke_types::{Aor, FaultCode};
use runtime::tasks::Shutdown;

use crate::accounts::Accounts;
use crate::caller::Keys;
use crate::dialplan::DialPlan;
use crate::rest;
use crate::role::Given;
use crate::service::ConferenceService;
use crate::sessions::VideoView;
use crate::webhooks::Webhooks;
use crate::window;

/// The header by which the gateway tells the id that follows a request through every part's log.
const REQUEST_ID: &str = "X-Request-Id";

/// What the routes work with.
#[derive(Clone)]
pub struct Http {
    /// Who may call.
    pub keys: Keys,
    /// The conference service; absent where another machine runs it.
    pub conference: Option<ConferenceService>,
    /// Accounts.
    pub accounts: Accounts,
    /// Webhooks; absent where there is no conference service.
    pub webhooks: Option<Webhooks>,
    /// The URL under which clients reach this server, without a slash at the end.
    pub public_url: String,
    /// Other origins whose pages may use REST; `*`: all.
    pub origins: Vec<String>,
    /// What windows are told of video; absent where no video server is configured.
    pub video: Option<VideoView>,
    /// What may be dialled; absent where no trunk dials anything.
    pub dialplan: Option<DialPlan>,
    /// The account by which conferences invite people; absent where they have none.
    pub conferences: Option<Aor>,
    /// Ends streams of events.
    pub shutdown: Shutdown,
}

/// The routes.
pub fn router(http: Http) -> Router {
    Router::new()
        .route("/soap/conference", post(conference).get(conference_wsdl))
        .route("/soap/{schema}", get(schema))
        .fallback(window::serve)
        .with_state(http.clone())
        .merge(rest::router(&http))
}

async fn conference(State(http): State<Http>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(service) = &http.conference else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // One byte more than allowed is enough to know that it is too much; the parser says so in a fault.
    let body = match to_bytes(body, SOAP_MAX_BYTES + 1).await {
        Ok(body) => body,
        Err(error) => return unread(&error).into_response(),
    };
    let caller = http.keys.caller(authorization(&parts.headers)).await;
    let unauthenticated = matches!(&caller, Err(fault) if fault.code == FaultCode::Unauthenticated);
    let given = service.handle(&body, caller).await;
    let request = parts
        .headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let request = request.map(convoke_types::loggable);
    tracing::info!(
        request,
        fault = given.is_fault,
        "request to the conference service"
    );
    let mut response = envelope(given);
    if unauthenticated {
        // SOAP 1.1 §6.2 wants 500 for faults, but a caller without credentials is HTTP's own affair (RFC 9110 §15.5.2).
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            header::HeaderValue::from_static("Bearer realm=\"convoke\""),
        );
    }
    response
}

/// What is said about a body that was not read to its end.
fn unread(error: &axum::Error) -> (StatusCode, &'static str) {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return (
                StatusCode::REQUEST_TIMEOUT,
                "expected the envelope faster\n",
            );
        }
        cause = error.source();
    }
    (StatusCode::PAYLOAD_TOO_LARGE, "expected at most 64 kB\n")
}

fn envelope(given: Given) -> Response {
    let status = if given.is_fault {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    };
    (
        status,
        [(header::CONTENT_TYPE, "text/xml; charset=utf-8")],
        Body::from(given.envelope),
    )
        .into_response()
}

async fn conference_wsdl(State(http): State<Http>, RawQuery(query): RawQuery) -> Response {
    if !query.unwrap_or_default().eq_ignore_ascii_case("wsdl") {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            "expected POST with an envelope, or GET with ?wsdl\n",
        )
            .into_response();
    }
    xml(soap_proto::wsdl::conference_wsdl(&format!(
        "{}/soap/conference",
        http.public_url
    )))
}

async fn schema(Path(name): Path<String>) -> Response {
    match soap_proto::wsdl::SCHEMAS
        .iter()
        .find(|file| file.name == name)
    {
        Some(file) => xml(file.text.to_owned()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}

pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_is_too_slow_is_told_from_one_that_is_too_large() {
        let large = to_bytes(Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert_eq!(unread(&large).0, StatusCode::PAYLOAD_TOO_LARGE);
        let late = io::Error::from(io::ErrorKind::TimedOut);
        let late = axum::Error::new(axum::Error::new(late));
        assert_eq!(unread(&late).0, StatusCode::REQUEST_TIMEOUT);
    }
}
