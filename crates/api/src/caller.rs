//! Who calls over HTTP: the gateway with its shared secret, a person's program with a token, or the administrator's key.

use convoke_types::{Aor, Fault, FaultCode};
use sha2::{Digest, Sha256};
use soap_proto::Headers;
use store::Store;
use subtle::ConstantTimeEq;

use crate::directory::store_fault;

/// The scope that a token needs to command conferences.
pub const SCOPE_CONFERENCE: &str = "conference";
/// The scope of a session's tokens: everything of the person.
pub const SCOPE_SESSION: &str = "session";
/// How tokens of programs begin.
pub(crate) const TOKEN_PREFIX: &str = "cvk_";
/// How tokens of sessions begin.
pub(crate) const SESSION_PREFIX: &str = "cvs_";

/// Secrets are compared as digests, so that neither length nor content leaks by time.
#[derive(Clone)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
    /// The digest's bytes.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }
    fn matches(&self, offered: &Self) -> bool {
        self.0.ct_eq(&offered.0).into()
    }
}

impl std::fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDigest")
    }
}

/// What authenticates callers.
#[derive(Clone)]
pub struct Keys {
    /// The gateway's shared secret.
    pub gateway: SecretDigest,
    /// The administrator's key of the data directory.
    pub administrator: SecretDigest,
    /// Where tokens are.
    pub store: Store,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The gateway: speaks for the user whom it asserts.
    Gateway,
    /// A program of a person.
    Person {
        /// Whose.
        aor: Aor,
        /// What its token is good for.
        scopes: Vec<String>,
        /// The number of a program's token; a session's has none here.
        token: Option<i64>,
    },
    /// Whoever runs the server.
    Administrator,
}

/// For whom a request acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The account; the administrator may act without one.
    pub user: Option<Aor>,
    /// Whether it is the administrator.
    pub administrator: bool,
    /// Whether it is the video allocator, as the conference service finds out.
    pub allocator: bool,
    /// Whether it came by instant message: then their own client invites those whom it calls.
    pub by_message: bool,
}

impl Keys {
    /// Finds out who calls from the value of an `Authorization` header (RFC 6750 §2.1, scheme `Bearer`).
    ///
    /// # Errors
    /// `unauthenticated`; `overloaded` or `internal` from the store.
    pub async fn caller(&self, authorization: Option<&str>) -> Result<Caller, Fault> {
        let token = bearer(authorization).ok_or_else(|| unauthenticated("no token"))?;
        let offered = SecretDigest::of(token);
        if self.gateway.matches(&offered) {
            return Ok(Caller::Gateway);
        }
        if self.administrator.matches(&offered) {
            return Ok(Caller::Administrator);
        }
        let now = runtime::clock::unix_ms(runtime::clock::wall());
        let unknown = || unauthenticated("a token that is unknown, expired or revoked");
        if token.starts_with(SESSION_PREFIX) {
            let found = self.store.session_token(offered.0, now).await;
            let token = found.map_err(store_fault)?.ok_or_else(unknown)?;
            return Ok(Caller::Person {
                aor: token.aor,
                scopes: vec![SCOPE_SESSION.to_owned()],
                token: None,
            });
        }
        let found = self.store.token(offered.0, now).await;
        let (id, token) = found.map_err(store_fault)?.ok_or_else(unknown)?;
        Ok(Caller::Person {
            aor: token.aor,
            scopes: token.scopes.split_whitespace().map(str::to_owned).collect(),
            token: Some(id),
        })
    }
}

/// The token of an `Authorization` header's value.
pub(crate) fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

impl Caller {
    /// The person whose token is good for this; a session's is good for everything.
    pub(crate) fn person(&self, scope: &str) -> Option<&Aor> {
        match self {
            Caller::Person { aor, scopes, .. } => scopes
                .iter()
                .any(|has| has == scope || has == SCOPE_SESSION)
                .then_some(aor),
            Caller::Gateway | Caller::Administrator => None,
        }
    }

    /// For whom a conference request acts (architecture, decision 6): an asserted user is believed from the gateway only.
    ///
    /// # Errors
    /// `unauthenticated` when the gateway asserts nobody, `not-allowed` when others assert somebody or the scope is missing.
    pub fn acting(&self, headers: &Headers) -> Result<Acting, Fault> {
        match self {
            Caller::Gateway => {
                let user = headers
                    .asserted
                    .clone()
                    .ok_or_else(|| unauthenticated("no asserted user"))?;
                Ok(Acting {
                    user: Some(user),
                    administrator: false,
                    allocator: false,
                    by_message: true,
                })
            }
            Caller::Person { .. } | Caller::Administrator if headers.asserted.is_some() => {
                Err(Fault::new(
                    FaultCode::NotAllowed,
                    "an asserted user from the gateway only",
                    "one from somebody else",
                ))
            }
            Caller::Person { .. } if self.person(SCOPE_CONFERENCE).is_none() => Err(Fault::new(
                FaultCode::NotAllowed,
                "a token with the scope conference",
                "one without it",
            )),
            Caller::Person { aor, .. } => Ok(Acting {
                user: Some(aor.clone()),
                administrator: false,
                allocator: false,
                by_message: false,
            }),
            Caller::Administrator => Ok(Acting {
                user: None,
                administrator: true,
                allocator: false,
                by_message: false,
            }),
        }
    }
}

fn unauthenticated(came: &str) -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        "Authorization: Bearer with a token of this server",
        came,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(asserted: Option<&str>) -> Headers {
        Headers {
            asserted: asserted.map(|aor| aor.parse().unwrap()),
            ..Headers::default()
        }
    }

    #[test]
    fn an_asserted_user_is_believed_from_the_gateway_only() {
        let eve = Caller::Person {
            aor: "eve@x".parse().unwrap(),
            scopes: vec![SCOPE_CONFERENCE.into()],
            token: None,
        };
        assert_eq!(
            eve.acting(&headers(Some("alice@x"))).unwrap_err().code,
            FaultCode::NotAllowed
        );
        assert_eq!(
            Caller::Administrator
                .acting(&headers(Some("alice@x")))
                .unwrap_err()
                .code,
            FaultCode::NotAllowed
        );
        assert_eq!(
            Caller::Gateway.acting(&headers(None)).unwrap_err().code,
            FaultCode::Unauthenticated
        );
        let acting = Caller::Gateway.acting(&headers(Some("alice@x"))).unwrap();
        assert_eq!(acting.user.unwrap().to_string(), "alice@x");
    }

    #[test]
    fn a_token_without_the_scope_commands_nothing() {
        let eve = Caller::Person {
            aor: "eve@x".parse().unwrap(),
            scopes: vec!["history".into()],
            token: None,
        };
        assert_eq!(
            eve.acting(&headers(None)).unwrap_err().code,
            FaultCode::NotAllowed
        );
    }
}
