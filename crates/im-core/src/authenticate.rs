//! Who sends a request: the check of its digest against the account's passwords, or of its token against the account's tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::{Bearer, DigestResponse, Proof, Refusal};
use sip_proto::{HeaderName, Source};

use crate::aor::user_of;
use crate::ports::{AccountInfo, DevicePassword, Event};
use crate::server::{ImServer, Request, Stop};

/// Bytes of a refused user name that an event quotes.
const USER_EXCERPT_CHARS: usize = 64;

/// Somebody who proved who they are.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub account: Arc<AccountInfo>,
    /// With what.
    pub proof: Proof,
    /// When that ends, if it does by itself.
    pub ends: Option<Instant>,
}

/// Whether a token may be believed that came so: nobody could read it on the way.
pub(crate) fn takes_tokens(source: &Source) -> bool {
    source.transport.is_secure() || source.remote.ip().to_canonical().is_loopback()
}

impl ImServer {
    /// The account of `aor` and what proves it, when the request's digest or token, in the header field `name`, is that user's. The same
    /// is answered whether it is wrong or there is no such account.
    pub(crate) fn authenticate(
        &mut self,
        request: &Request,
        name: HeaderName,
        aor: &str,
        now: Instant,
    ) -> Result<Authenticated, Stop> {
        let proxy = name == HeaderName::ProxyAuthorization;
        let challenge = |stale| Stop::Challenge { stale, proxy };
        // RFC 3261 §22.3: credentials for other realms are none of ours.
        let claim = request
            .message
            .headers(name.clone())
            .filter_map(|value| DigestResponse::parse(value).ok())
            .find(|claim| claim.realm == self.config.realm);
        let Some(claim) = claim else {
            let mut values = request.message.headers(name);
            let token = values.find_map(Bearer::parse);
            // One that was seen on the way is as none.
            return match token.filter(|_| takes_tokens(&request.source)) {
                Some(token) => self.authenticate_token(request, token, aor, challenge(false), now),
                None => Err(challenge(false)),
            };
        };
        let user = user_of(aor);
        if claim.username != user {
            return Err(Stop::Refuse(403));
        }
        let address = request.source.remote.ip();
        // Before anything is looked up or counted: a datagram whose source is forged must not lock out who is really there.
        if !self.verifier.is_challenged(Some(address), &claim, now) {
            return Err(challenge(true));
        }
        if self.failures.is_banned(address, user, now) {
            return Err(Stop::Refuse(403));
        }
        let Some(account) = self.accounts.get(aor) else {
            return Err(Stop::Lookup(Arc::from(aor)));
        };
        let method = request.message.method_ref();
        let method = method.map_or("", |method| method.as_str());
        let password = match self.verify_any(address, &claim, method, account.as_deref(), now) {
            Ok(password) => password,
            Err(Refusal::Wrong) => {
                let banned = self.failures.note(address, user, now);
                self.event(Event::WrongPassword {
                    address,
                    user: excerpt(user),
                    banned,
                });
                let stop = challenge(false);
                return Err(if banned { Stop::Refuse(403) } else { stop });
            }
            // What is repeated is not believed, but whoever knows the password may try with a new nonce.
            Err(Refusal::Stale | Refusal::Replayed | Refusal::OtherRealm) => {
                return Err(challenge(true));
            }
        };
        self.failures.forgive(address, user);
        Ok(Authenticated {
            account: account.ok_or(Stop::Refuse(403))?,
            proof: Proof::Password(password),
            ends: None,
        })
    }

    /// RFC 8898 §3: a token that is in force proves who sends; of all others `refused` is the answer.
    fn authenticate_token(
        &mut self,
        request: &Request,
        token: Bearer<'_>,
        aor: &str,
        refused: Stop,
        now: Instant,
    ) -> Result<Authenticated, Stop> {
        let address = request.source.remote.ip();
        // Whoever shares an address with somebody who guesses gets in with what is remembered; nothing is looked up for the others.
        let banned = self.failures.bans_tokens(address, now);
        let Some(account) = self.accounts.get(aor) else {
            return Err(match banned {
                true => Stop::Refuse(403),
                false => Stop::Lookup(Arc::from(aor)),
            });
        };
        let wall_now = self.config.wall.unix_ms(now);
        let found = account.as_ref().and_then(|account| {
            let mut tokens = account.tokens.iter();
            let known = tokens.find(|known| token.is(&known.sha256))?;
            let left_ms = known.until_unix_ms.saturating_sub(wall_now);
            let left_ms = u64::try_from(left_ms).ok().filter(|left| *left > 0)?;
            let ends = now.checked_add(Duration::from_millis(left_ms));
            Some((account.clone(), known.id, ends))
        });
        let Some((account, id, ends)) = found else {
            if banned {
                return Err(Stop::Refuse(403));
            }
            if request.lookups == 0 {
                // It may be younger than what is remembered.
                self.accounts.ask_again(aor);
                return Err(Stop::Lookup(Arc::from(aor)));
            }
            let banned = self.failures.note_token(address, now);
            self.event(Event::WrongToken {
                address,
                user: excerpt(user_of(aor)),
                banned,
            });
            return Err(if banned { Stop::Refuse(403) } else { refused });
        };
        self.failures.forgive_tokens(address);
        Ok(Authenticated {
            account,
            proof: Proof::Token(id),
            ends,
        })
    }

    /// The number of the password that the digest was made with.
    fn verify_any(
        &mut self,
        address: IpAddr,
        claim: &DigestResponse,
        method: &str,
        account: Option<&AccountInfo>,
        now: Instant,
    ) -> Result<i64, Refusal> {
        let passwords = account.map_or(&[][..], |account| &account.passwords);
        let peer = Some(address);
        if passwords.is_empty() {
            // As long as with a password; there is none that it could be.
            self.verifier.verify_from(peer, claim, method, None, now)?;
        }
        for DevicePassword { id, credential } in passwords {
            let known = Some(credential);
            match self.verifier.verify_from(peer, claim, method, known, now) {
                Err(Refusal::Wrong) => {}
                decided => return decided.map(|()| *id),
            }
        }
        Err(Refusal::Wrong)
    }
}

fn excerpt(user: &str) -> String {
    user.chars().take(USER_EXCERPT_CHARS).collect()
}
