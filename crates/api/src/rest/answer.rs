//! How handlers take JSON and refuse.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convoke_types::{Fault, FaultCode, NumberRefusal, loggable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, schema};
use utoipa::{IntoResponses, ToSchema};

use crate::sessions::NotSignedIn;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    fault: Fault,
    /// Where HTTP has a status of its own for it.
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
}

/// The body of a refusal.
#[derive(Serialize, ToSchema)]
pub(crate) struct Error {
    /// What was refused.
    error: FaultView,
}

/// What was refused, and what would not have been.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultView {
    /// For programs.
    #[schema(schema_with = fault_codes)]
    code: String,
    /// For people: what would have been accepted.
    expected: String,
    /// For people: what came instead.
    came: String,
    /// For programs: why a number is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = number_refusals)]
    why: Option<String>,
    /// For programs: which of those that the request names, in its order and from 0; an initiator comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
}

fn number_refusals() -> schema::Object {
    one_of(
        "For programs: why a number is refused.",
        &NumberRefusal::ALL.map(NumberRefusal::as_str),
    )
}

fn fault_codes() -> schema::Object {
    one_of("For programs.", &FaultCode::ALL.map(FaultCode::as_str))
}

/// The schema of a word from a closed list.
pub(crate) fn one_of(description: &str, words: &[&str]) -> schema::Object {
    schema::ObjectBuilder::new()
        .description(Some(description))
        .schema_type(schema::Type::String)
        .enum_values(Some(words.iter().copied()))
        .build()
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            status: None,
            retry_after: None,
        }
    }
}

impl From<NotSignedIn> for Refusal {
    fn from(why: NotSignedIn) -> Self {
        match why {
            NotSignedIn::Fault(fault) => fault.into(),
            NotSignedIn::Wait(wait) => Self {
                retry_after: Some(wait),
                ..Fault::new(
                    FaultCode::LimitReached,
                    format!("a password in {} s", wait.as_secs().saturating_add(1)),
                    "too many wrong ones",
                )
                .into()
            },
        }
    }
}

impl Refusal {
    /// A body, path or query that is not as it should be.
    fn unread(status: StatusCode, expected: impl Into<String>, words: &str) -> Self {
        Self {
            status: Some(status),
            ..Fault::new(FaultCode::BadRequest, expected, loggable(words)).into()
        }
    }

    /// A body that says not, or wrongly, what it is.
    fn without_type() -> Self {
        let expected = "Content-Type: application/json";
        Self::unread(StatusCode::UNSUPPORTED_MEDIA_TYPE, expected, "another")
    }

    /// A body that was not read to its end.
    fn too_much(status: StatusCode, words: &str) -> Self {
        let expected = format!("at most {} kB, in time", super::BODY_MAX_BYTES / 1024);
        Self::unread(status, expected, words)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let usual = StatusCode::from_u16(self.fault.code.http_status());
        let status = self
            .status
            .unwrap_or(usual.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        let body = Error {
            error: FaultView {
                code: self.fault.code.to_string(),
                expected: self.fault.expected,
                came: self.fault.came,
                why: self.fault.why.map(|why| why.as_str().to_owned()),
                index: self.fault.index,
            },
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let ask = HeaderValue::from_static("Bearer realm=\"convoke\"");
            headers.insert(header::WWW_AUTHENTICATE, ask);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// In the document every operation may be refused, by a status of the classes 4 and 5.
impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let refused = |words: &str| {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Error")))
                .build();
            let response = ResponseBuilder::new()
                .description(words)
                .content("application/json", content)
                .build();
            RefOr::T(response)
        };
        BTreeMap::from([
            ("4XX".to_owned(), refused("Refused")),
            (
                "5XX".to_owned(),
                refused("Not done, through no fault of the asker"),
            ),
        ])
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(Refusal::unread(
                StatusCode::BAD_REQUEST,
                "a body as /api/v1/openapi.json describes it",
                &innermost(&error),
            )),
            Err(JsonRejection::JsonSyntaxError(error)) => Err(Refusal::unread(
                StatusCode::BAD_REQUEST,
                "JSON",
                &innermost(&error),
            )),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Refusal::without_type()),
            Err(other) => Err(Refusal::too_much(other.status(), &other.body_text())),
        }
    }
}

/// A JSON body that may be missing: then it is empty.
pub(crate) struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            let Body(body) = Body::from_request(request, state).await?;
            return Ok(Self(body));
        }
        match Bytes::from_request(request, state).await {
            Ok(none) if none.is_empty() => Ok(Self(T::default())),
            Ok(_) => Err(Refusal::without_type()),
            Err(error) => Err(Refusal::too_much(error.status(), &error.body_text())),
        }
    }
}

/// What the innermost cause says: the outer ones say only that there is one.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The parameters of the path.
pub(crate) struct Place<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(place)) => Ok(Self(place)),
            Err(error) => Err(Refusal::unread(
                StatusCode::BAD_REQUEST,
                "a path of /api/v1/openapi.json",
                &error.body_text(),
            )),
        }
    }
}

/// The parameters of the query.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(Refusal::unread(
                StatusCode::BAD_REQUEST,
                "a query as /api/v1/openapi.json describes it",
                &innermost(&error),
            )),
        }
    }
}
