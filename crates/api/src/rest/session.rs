//! Signing in, staying signed in, signing out.
//!
//! The cookie goes to these paths alone and is no use to other sites: it is `SameSite=Strict`, and what it does needs a header
//! that no page of another origin can send.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use convoke_types::{Fault, FaultCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Body, Error, Refusal};
use super::who::Peer;
use super::{Rest, base_path};
use crate::caller::bearer;
use crate::http::authorization;
use crate::sessions::{COOKIE_LIFE, SessionView};

/// The cookie's name.
pub(crate) const COOKIE: &str = "convoke_session";
/// Where it goes, under the server's URL.
const PATH: &str = "/api/v1/session";
/// The header that a page of another origin cannot send unasked (Fetch §4.8), and its value.
const OWN_PAGE: (&str, &str) = ("X-Convoke", "1");

/// A user and their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// `alice`, or `alice@domain`.
    user: String,
    /// The password.
    password: String,
}

/// Nothing more to say.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {}

/// Sign in.
///
/// The answer sets a cookie that lasts thirty days after its last use, and has a token that lasts a quarter of an hour.
#[utoipa::path(post, path = "/api/v1/session", operation_id = "signIn", tag = "session", request_body = Login, security(()), responses(
    (status = 200, description = "Signed in", body = SessionView),
    (status = 429, description = "Too many wrong passwords", body = Error,
        headers(("Retry-After" = u64, description = "When the next one is looked at, in seconds"))),
    Refusal))]
pub(crate) async fn sign_in(
    State(rest): State<Rest>,
    peer: Peer,
    Body(login): Body<Login>,
) -> Result<Response, Refusal> {
    let (view, cookie) = rest
        .sessions
        .sign_in(&login.user, &login.password, peer.address)
        .await?;
    Ok(with_cookie(
        &rest,
        peer,
        &cookie,
        Json(view).into_response(),
    ))
}

/// Renew the token.
///
/// Needs the cookie and the header `X-Convoke: 1`.
#[utoipa::path(post, path = "/api/v1/session/renew", operation_id = "renewSession", tag = "session", security(("cookie" = [])),
    params(("X-Convoke" = String, Header, description = "1")),
    responses((status = 200, description = "One more token", body = SessionView), Refusal))]
pub(crate) async fn renew(
    State(rest): State<Rest>,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    by_own_page(&headers)?;
    let cookie = cookie(&headers).ok_or_else(no_cookie)?;
    let view = rest.sessions.renew(cookie).await?;
    Ok(with_cookie(&rest, peer, cookie, Json(view).into_response()))
}

/// Sign out.
///
/// Ends the session of the cookie or of the token: its tokens, its cookie, and the SIP connections that were opened with them.
/// Needs the header `X-Convoke: 1`.
#[utoipa::path(delete, path = "/api/v1/session", operation_id = "signOut", tag = "session", security(("cookie" = []), ("bearer" = [])),
    params(("X-Convoke" = String, Header, description = "1")),
    responses((status = 200, description = "Signed out", body = Done), Refusal))]
pub(crate) async fn sign_out(
    State(rest): State<Rest>,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    by_own_page(&headers)?;
    let token = bearer(authorization(&headers));
    let answer = match rest.sessions.end(cookie(&headers), token).await {
        Ok(()) => Json(Done {}).into_response(),
        // A cookie whose session is over is of no use any more.
        Err(over) if over.code == FaultCode::Unauthenticated => Refusal::from(over).into_response(),
        Err(fault) => return Err(fault.into()),
    };
    Ok(with_cookie(&rest, peer, "", answer))
}

fn by_own_page(headers: &HeaderMap) -> Result<(), Fault> {
    let (name, value) = OWN_PAGE;
    let came = headers.get(name).and_then(|came| came.to_str().ok());
    if came == Some(value) {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::NotAllowed,
        format!("the header {name}: {value}"),
        "a request without it",
    ))
}

fn no_cookie() -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        "the cookie of a session",
        "none; sign in again",
    )
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// The answer with the cookie set; an empty one is taken away.
fn with_cookie(rest: &Rest, peer: Peer, cookie: &str, mut response: Response) -> Response {
    let url = &rest.http.public_url;
    let life_s = if cookie.is_empty() {
        0
    } else {
        COOKIE_LIFE.as_secs()
    };
    // Behind a proxy that speaks TLS the connection itself is plain.
    let secure = if peer.secure || url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let base = base_path(url);
    let set = format!(
        "{COOKIE}={cookie}; Path={base}{PATH}; HttpOnly; SameSite=Strict; Max-Age={life_s}{secure}"
    );
    if let Ok(value) = HeaderValue::from_str(&set) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; c"));
        assert_eq!(cookie(&headers), None);
        let ours = HeaderValue::from_static("x=y; convoke_session=abc ; z=1");
        headers.append(header::COOKIE, ours);
        assert_eq!(cookie(&headers), Some("abc"));
    }
}
