//! The conference reporting web service: where the conference service posts what happens (requirement C6).

use api::{Caller, Keys};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use convoke_types::limits::SOAP_MAX_BYTES;
use tokio::sync::{mpsc, oneshot};

use super::core::Input;

/// Where the service is, under the server's URL.
pub(crate) const PATH: &str = "/soap/report";

#[derive(Clone)]
struct Reporting {
    keys: Keys,
    inputs: mpsc::Sender<Input>,
    address: String,
}

/// The routes. `url`: the base URL of this server.
pub(crate) fn router(keys: Keys, inputs: mpsc::Sender<Input>, url: &str) -> Router {
    Router::new()
        .route(PATH, post(report).get(wsdl))
        .with_state(Reporting {
            keys,
            inputs,
            address: format!("{url}{PATH}"),
        })
}

async fn report(State(service): State<Reporting>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // One byte more than allowed is enough to know that it is too much; the core says so in a fault.
    let Ok(body) = to_bytes(body, SOAP_MAX_BYTES + 1).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "expected at most 64 kB\n").into_response();
    };
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let caller = service.keys.caller(authorization).await;
    let (answer, answered) = oneshot::channel();
    let input = Input::Report {
        authenticated: matches!(caller, Ok(Caller::Gateway)),
        body,
        answer,
    };
    if service.inputs.try_send(input).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok((status, envelope)) = answered.await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [(header::CONTENT_TYPE, soap_proto::names::CONTENT_TYPE)],
        envelope,
    )
        .into_response()
}

async fn wsdl(State(service): State<Reporting>, RawQuery(query): RawQuery) -> Response {
    if !query.unwrap_or_default().eq_ignore_ascii_case("wsdl") {
        let words = "expected POST with an envelope, or GET with ?wsdl\n";
        return (StatusCode::METHOD_NOT_ALLOWED, words).into_response();
    }
    let text = soap_proto::wsdl::report_wsdl(&service.address);
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}
