//! The client's half: answering a 401 or 407.

use std::fmt;

use super::algorithm::{Algorithm, QopAuth};
use super::params::{AuthError, Params, push_quoted, push_token};

/// One challenge of a server or proxy, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Which passwords are meant.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// To be sent back unchanged.
    pub opaque: Option<String>,
    /// The hash; MD5 when absent (RFC 7616 §3.3).
    pub algorithm: Algorithm,
    /// Whether `qop=auth` was offered; without, the older form is used.
    pub qop_auth: bool,
    /// The former answer was right, its nonce too old.
    pub stale: bool,
}

impl Challenge {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate header field.
    pub fn parse(value: &str) -> Result<Self, AuthError> {
        let mut params = Params::parse(value)?;
        let algorithm = match params.take("algorithm") {
            None => Algorithm::Md5,
            Some(word) => Algorithm::from_word(&word).ok_or(AuthError::Unsupported)?,
        };
        let qop_auth = match params.take("qop") {
            None => false,
            Some(list)
                if list
                    .split(',')
                    .any(|q| q.trim().eq_ignore_ascii_case("auth")) =>
            {
                true
            }
            Some(_) => return Err(AuthError::Unsupported),
        };
        Ok(Self {
            realm: params.need("realm")?,
            nonce: params.need("nonce")?,
            opaque: params.take("opaque"),
            algorithm,
            qop_auth,
            stale: params
                .take("stale")
                .is_some_and(|word| word.eq_ignore_ascii_case("true")),
        })
    }
}

/// A user name and its password, for whatever realm asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name of the `username` parameter.
    pub username: String,
    /// The password, in clear.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The value of the Authorization or Proxy-Authorization header field that answers the strongest of these challenges
/// (the first among equals); `None` when there is none. `uri` is the Request-URI as sent, `nc` counts requests with this
/// nonce from 1.
pub fn answer(
    challenges: &[Challenge],
    login: &Login,
    method: &str,
    uri: &str,
    cnonce: &str,
    nc: u32,
) -> Option<String> {
    let challenge = strongest(challenges)?;
    Some(answer_one(challenge, login, method, uri, cnonce, nc))
}

fn strongest(challenges: &[Challenge]) -> Option<&Challenge> {
    challenges.iter().rev().max_by_key(|c| c.algorithm)
}

fn answer_one(
    challenge: &Challenge,
    login: &Login,
    method: &str,
    uri: &str,
    cnonce: &str,
    nc: u32,
) -> String {
    let nc = format!("{nc:08x}");
    let algorithm = challenge.algorithm;
    let ha1 = algorithm.ha1(&login.username, &challenge.realm, &login.password);
    let qop = challenge.qop_auth.then_some(QopAuth { nc: &nc, cnonce });
    let response = algorithm.response(&ha1, &challenge.nonce, qop, method, uri);

    let mut out = String::with_capacity(384);
    push_quoted(&mut out, "username", &login.username);
    push_quoted(&mut out, "realm", &challenge.realm);
    push_quoted(&mut out, "nonce", &challenge.nonce);
    push_quoted(&mut out, "uri", uri);
    push_quoted(&mut out, "response", &response);
    push_token(&mut out, "algorithm", algorithm.as_str());
    if qop.is_some() {
        push_quoted(&mut out, "cnonce", cnonce);
        push_token(&mut out, "qop", "auth");
        push_token(&mut out, "nc", &nc);
    }
    if let Some(opaque) = &challenge.opaque {
        push_quoted(&mut out, "opaque", opaque);
    }
    out
}

/// A login with the challenge last seen, so that following requests are authorised in advance (RFC 3261 §22.2) instead of
/// being challenged each time.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    login: Login,
    chosen: Option<Chosen>,
}

#[derive(Debug, Clone)]
struct Chosen {
    challenge: Challenge,
    proxy: bool,
    uses: u32,
}

impl ClientAuth {
    /// Nothing is known of the server yet.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            chosen: None,
        }
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.login.username
    }

    /// Takes the challenges of a 401 (`proxy` false) or 407 (true): values of all its header fields of that name.
    ///
    /// # Errors
    /// The error of the last challenge when none of them can be answered.
    pub fn challenged<'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a str>,
        proxy: bool,
    ) -> Result<(), AuthError> {
        let mut error = AuthError::Malformed;
        let mut known = Vec::new();
        for value in values {
            match Challenge::parse(value) {
                Ok(challenge) => known.push(challenge),
                Err(e) => error = e,
            }
        }
        let challenge = strongest(&known).ok_or(error)?.clone();
        self.chosen = Some(Chosen {
            challenge,
            proxy,
            uses: 0,
        });
        Ok(())
    }

    /// Whether the challenge last taken said that only the nonce was too old.
    pub fn was_stale(&self) -> bool {
        self.chosen.as_ref().is_some_and(|c| c.challenge.stale)
    }

    /// Forgets the challenge: the next request goes without authorisation.
    pub fn forget(&mut self) {
        self.chosen = None;
    }

    /// Header field name and value for the next request; `None` before the first challenge.
    pub fn authorize(
        &mut self,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> Option<(&'static str, String)> {
        let chosen = self.chosen.as_mut()?;
        chosen.uses = chosen.uses.checked_add(1)?;
        let name = if chosen.proxy {
            "Proxy-Authorization"
        } else {
            "Authorization"
        };
        let value = answer_one(
            &chosen.challenge,
            &self.login,
            method,
            uri,
            cnonce,
            chosen.uses,
        );
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1.
    #[test]
    fn the_example_of_the_rfc_is_reproduced() {
        let login = Login {
            username: "Mufasa".into(),
            password: "Circle of Life".into(),
        };
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = Challenge::parse(&format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            ))
            .unwrap();
            let value = answer(
                &[challenge],
                &login,
                "GET",
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                1,
            )
            .unwrap();
            assert!(
                value.contains(&format!("response=\"{response}\"")),
                "{value}"
            );
        }
    }

    #[test]
    fn the_strongest_understood_challenge_is_answered_and_uses_are_counted() {
        let mut auth = ClientAuth::new(Login {
            username: "alice".into(),
            password: "secret".into(),
        });
        assert!(auth.authorize("REGISTER", "sip:x", "c").is_none());
        auth.challenged(
            [
                "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"",
                "Digest realm=\"r\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"",
                "Digest realm=\"r\", nonce=\"n3\", algorithm=MD4, qop=\"auth\"",
            ],
            true,
        )
        .unwrap();
        for nc in ["nc=00000001", "nc=00000002"] {
            let (name, value) = auth.authorize("REGISTER", "sip:x", "c").unwrap();
            assert_eq!(name, "Proxy-Authorization");
            assert!(
                value.contains("nonce=\"n2\"") && value.contains(nc),
                "{value}"
            );
        }
        assert!(!format!("{auth:?}").contains("secret"));
        assert_eq!(
            auth.challenged(["Basic realm=\"r\""], false),
            Err(AuthError::OtherScheme)
        );
    }
}
