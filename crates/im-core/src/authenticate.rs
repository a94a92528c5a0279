//! Who sends a request: the digest's check against the account's passwords.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use sip_proto::HeaderName;
use sip_proto::auth::{DigestResponse, Refusal};

use crate::aor::user_of;
use crate::ports::{AccountInfo, DevicePassword, Event};
use crate::server::{ImServer, Request, Stop};

/// Bytes of a refused user name that an event quotes.
const USER_EXCERPT_CHARS: usize = 64;

impl ImServer {
    /// The account of `aor` and the number of the password when the request's digest, in the header field `name`, is that
    /// user's. The same is answered whether the password is wrong or there is no such account.
    pub(crate) fn authenticate(
        &mut self,
        request: &Request,
        name: HeaderName,
        aor: &str,
        now: Instant,
    ) -> Result<(Arc<AccountInfo>, i64), Stop> {
        // RFC 3261 §22.3: credentials for other realms are none of ours.
        let claim = request
            .message
            .headers(name)
            .filter_map(|value| DigestResponse::parse(value).ok())
            .find(|claim| claim.realm == self.config.realm);
        let Some(claim) = claim else {
            return Err(Stop::Challenge { stale: false });
        };
        let user = user_of(aor);
        if claim.username != user {
            return Err(Stop::Refuse(403));
        }
        let address = request.source.remote.ip();
        // Before anything is looked up or counted: a datagram whose source is forged must not lock out who is really there.
        if !self.verifier.is_challenged(Some(address), &claim, now) {
            return Err(Stop::Challenge { stale: true });
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
                    user: user.chars().take(USER_EXCERPT_CHARS).collect(),
                    banned,
                });
                let stop = Stop::Challenge { stale: false };
                return Err(if banned { Stop::Refuse(403) } else { stop });
            }
            // What is repeated is not believed, but whoever knows the password may try with a new nonce.
            Err(Refusal::Stale | Refusal::Replayed | Refusal::OtherRealm) => {
                return Err(Stop::Challenge { stale: true });
            }
        };
        self.failures.forgive(address, user);
        let account = account.ok_or(Stop::Refuse(403))?;
        Ok((account, password))
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
