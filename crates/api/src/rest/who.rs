//! Who asks: as the first argument of a handler it is found out before a body is read.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use convoke_types::{Aor, Fault, FaultCode};

use super::Rest;
use super::answer::Refusal;
use crate::caller::{Caller, SCOPE_CONFERENCE, SCOPE_SESSION};
use crate::http::authorization;

/// Who is at the other end of the connection; whoever serves the router puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Their address.
    pub address: IpAddr,
    /// Whether they came under TLS.
    pub secure: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let told = parts.extensions.get::<Peer>().copied();
        Ok(told.unwrap_or(Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure: false,
        }))
    }
}

async fn caller(parts: &Parts, rest: &Rest) -> Result<Caller, Refusal> {
    let keys = &rest.http.keys;
    Ok(keys.caller(authorization(&parts.headers)).await?)
}

fn not_allowed(expected: &str) -> Refusal {
    Fault::new(FaultCode::NotAllowed, expected, "another token").into()
}

/// Whoever has a token or key of any kind; what it is good for, the conference service says.
pub(crate) struct Anyone(pub Caller);

impl FromRequestParts<Rest> for Anyone {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Refusal> {
        Ok(Self(caller(parts, rest).await?))
    }
}

/// A person who is signed in.
pub(crate) struct Person(pub Aor);

impl FromRequestParts<Rest> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Refusal> {
        match caller(parts, rest).await?.person(SCOPE_SESSION) {
            Some(aor) => Ok(Self(aor.clone())),
            None => Err(not_allowed("the token of a session (POST /api/v1/session)")),
        }
    }
}

/// A person, or a program with a token of theirs for conferences.
pub(crate) struct Program {
    /// Whose it is.
    pub me: Aor,
    /// The number of the program's token; none when the person asks.
    pub token: Option<i64>,
}

impl FromRequestParts<Rest> for Program {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Refusal> {
        let caller = caller(parts, rest).await?;
        match (caller.person(SCOPE_CONFERENCE), &caller) {
            (Some(me), Caller::Person { token, .. }) => Ok(Self {
                me: me.clone(),
                token: *token,
            }),
            _ => Err(not_allowed("a person's token with the scope conference")),
        }
    }
}

/// Whoever has the administrator's key.
pub(crate) struct Administrator;

impl FromRequestParts<Rest> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Refusal> {
        match caller(parts, rest).await? {
            Caller::Administrator => Ok(Self),
            Caller::Gateway | Caller::Person { .. } => Err(not_allowed("the administrator's key")),
        }
    }
}
