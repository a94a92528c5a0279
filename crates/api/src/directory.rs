//! From how a request names somebody to where they are called: accounts, their telephones (T11), the dial plan.

use conference_core::{Destination, Party};
use convoke_types::{Address, Aor, E164, Fault, FaultCode, Mode, NumberRefusal};
use soap_proto::{BROWSER, CallAt, Callee, Who};
use store::{Account, PersonMode, Store, StoreError, Telephone, TelephoneKind};

use crate::dialplan::DialPlan;

/// Most accounts of one display name that are read: enough to know that there are several.
const NAMESAKES_MAX: usize = 2;

/// Resolves parties.
#[derive(Clone)]
pub struct Directory {
    /// Where accounts and telephones are.
    pub store: Store,
    /// What may be dialled.
    pub dialplan: DialPlan,
    /// Our domain, for bare user names.
    pub domain: String,
    /// Ask numbers that belong to no account to press 1 (voicemail guard).
    pub guard_outside: bool,
    /// Language of prompts to numbers that belong to no account, a BCP 47 tag.
    pub language: String,
    /// Domains whose SIP addresses may be called: gateways and video rooms.
    pub sip_domains: Vec<String>,
}

impl Directory {
    /// Resolves somebody who is to be called.
    ///
    /// # Errors
    /// `unknown-person`, `no-telephone`, `number-refused`; `overloaded` and `internal` from the store.
    pub async fn party(&self, asked: &soap_proto::Party) -> Result<Party, Fault> {
        match &asked.who {
            Who::Person(name) => {
                let account = self.person(name).await?;
                Ok(self.telephone_of(&account, asked).await?.0)
            }
            Who::Number(text) => {
                let number = self.dialplan.number(text)?;
                self.number(number, asked).await
            }
            Who::Sip(uri) => self.room(uri, asked),
        }
    }

    /// A SIP address of a domain that a trunk leads to. A place that is the name of another network says what stands behind the gateway.
    fn room(&self, uri: &str, asked: &soap_proto::Party) -> Result<Party, Fault> {
        if !self.leads_to(uri) {
            return Err(Fault::number(
                NumberRefusal::NoRoute,
                "a person, a number, or a SIP address of a domain that a trunk leads to",
                masked(uri),
            ));
        }
        let network = asked.place.as_deref().and_then(|place| place.parse().ok());
        let mode = network.filter(|mode: &Mode| mode.is_through_gateway());
        let mode = mode.unwrap_or(Mode::Sip);
        Ok(Party {
            name: asked.name.clone().unwrap_or_else(|| uri.to_owned()),
            user: None,
            address: Address::Sip(uri.to_owned()),
            mode,
            place: asked.place.clone().unwrap_or_else(|| mode.to_string()),
            guard: false,
            language: self.language.clone(),
            moderator: false,
        })
    }

    /// The language that is spoken to somebody: what they chose, else the server's.
    pub fn language_of(&self, account: &Account) -> String {
        let chosen = account.language.clone();
        chosen.unwrap_or_else(|| self.language.clone())
    }

    /// Whether a trunk leads to the domain of a SIP address.
    fn leads_to(&self, uri: &str) -> bool {
        let read = sip_proto::Uri::parse(uri).ok();
        let read = read.filter(|uri| uri.is_sip() && uri.headers().next().is_none());
        read.is_some_and(|uri| {
            let mut domains = self.sip_domains.iter();
            domains.any(|domain| domain.eq_ignore_ascii_case(uri.host()))
        })
    }

    /// Whether a number or a SIP address may be called, as [`party`](Self::party) decides when it is.
    pub fn is_callable(&self, callee: &Callee) -> bool {
        match callee {
            Callee::Number(number) => self.dialplan.number(number).is_ok(),
            Callee::Sip(uri) => self.leads_to(uri),
        }
    }

    /// Whether somebody may be called by this mode of theirs. Of what stands behind a gateway only the gateway's route can tell.
    pub fn may_call(&self, mode: &PersonMode) -> bool {
        match mode.mode {
            Mode::Pstn | Mode::Mobile => self.dialplan.number(&mode.address).is_ok(),
            Mode::Sip => self.leads_to(&mode.address),
            Mode::Computer | Mode::H323 | Mode::Isdn | Mode::Atm | Mode::Gateway => true,
        }
    }

    /// Resolves the initiator of a conference: whatever is called is theirs (T14).
    ///
    /// # Errors
    /// As `party`; `not-allowed` when another person is named.
    pub async fn initiator(&self, asked: &soap_proto::Party, actor: &Aor) -> Result<Party, Fault> {
        let mut party = self.party(asked).await?;
        if let Who::Person(_) = asked.who {
            if party.user.as_ref() != Some(actor) {
                return Err(Fault::new(
                    FaultCode::NotAllowed,
                    "yourself as the initiator",
                    "somebody else",
                ));
            }
            return Ok(party);
        }
        let account = self.account(actor).await?;
        party.user = Some(actor.clone());
        party.language = self.language_of(&account);
        party.name = asked.name.clone().unwrap_or(account.display_name);
        Ok(party)
    }

    /// Where somebody on a roster is called who is to be called at a place or number that they (or who may call them) name.
    ///
    /// # Errors
    /// As `party`.
    pub async fn destination(&self, user: Option<&Aor>, at: &CallAt) -> Result<Destination, Fault> {
        let account = match user {
            Some(user) => Some(self.account(user).await?),
            None => None,
        };
        match (at, account) {
            (CallAt::Number(text), account) => {
                let number = self.dialplan.number(text)?;
                Ok(Destination {
                    place: format!("number {}", ending(&number)),
                    guard: self.is_guarded(&number).await?.then_some(true),
                    address: Address::Number(number),
                    mode: Mode::Pstn,
                    language: account
                        .map_or_else(|| self.language.clone(), |one| self.language_of(&one)),
                })
            }
            (CallAt::Place(place), Some(account)) => {
                let mut asked = soap_proto::Party::of(Who::Person(account.aor.to_string()));
                asked.place = Some(place.clone());
                let (found, guard) = self.telephone_of(&account, &asked).await?;
                Ok(Destination {
                    address: found.address,
                    mode: found.mode,
                    place: found.place,
                    guard,
                    language: found.language,
                })
            }
            (CallAt::Place(_), None) => Err(Fault::new(
                FaultCode::NoTelephone,
                "somebody with an account, or a number",
                "a place of somebody without one",
            )),
        }
    }

    async fn account(&self, aor: &Aor) -> Result<Account, Fault> {
        self.store
            .account(aor)
            .await
            .map_err(store_fault)?
            .ok_or_else(|| unknown_person("an account"))
    }

    /// An account by its name, `user@domain`, or the name that people see.
    ///
    /// # Errors
    /// `unknown-person` when there is none, or several; `overloaded` and `internal` from the store.
    pub async fn person(&self, name: &str) -> Result<Account, Fault> {
        let aor = if name.contains('@') {
            name.parse().ok()
        } else {
            Aor::new(&name.to_lowercase(), &self.domain).ok()
        };
        if let Some(aor) = aor
            && let Some(account) = self.store.account(&aor).await.map_err(store_fault)?
        {
            return Ok(account);
        }
        let store = &self.store;
        let named = store.accounts_named(name, NAMESAKES_MAX).await;
        let mut named = named.map_err(store_fault)?;
        match named.len() {
            1 => named.pop().ok_or_else(|| unknown_person("a name")),
            0 => Err(Fault::new(
                FaultCode::UnknownPerson,
                "a name, user@domain or number that is known here",
                convoke_types::loggable(name),
            )),
            _ => Err(Fault::new(
                FaultCode::UnknownPerson,
                "a name that only one person has; write user@domain",
                "a name of several people",
            )),
        }
    }

    /// Somebody at a telephone of theirs, and what they chose of key 1 for it.
    async fn telephone_of(
        &self,
        account: &Account,
        asked: &soap_proto::Party,
    ) -> Result<(Party, Option<bool>), Fault> {
        let named = asked.name.clone();
        let name = named.unwrap_or_else(|| account.display_name.clone());
        let is_browser = |place: &String| place.eq_ignore_ascii_case(BROWSER);
        if asked.place.as_ref().is_some_and(is_browser) {
            let party = Party {
                name,
                user: Some(account.aor.clone()),
                address: Address::Client,
                mode: Mode::Computer,
                place: BROWSER.to_owned(),
                guard: false,
                language: self.language_of(account),
                moderator: false,
            };
            return Ok((party, None));
        }
        let telephones = self
            .store
            .telephones(&account.aor)
            .await
            .map_err(store_fault)?;
        let telephone = match &asked.place {
            Some(place) => telephones.iter().find(|t| is_place(t, place)),
            None => telephones
                .iter()
                .find(|t| t.is_default)
                .or(telephones.first()),
        };
        let Some(telephone) = telephone else {
            let came = asked.place.as_ref().map_or_else(
                || format!("{} without one", account.aor),
                |place| {
                    format!(
                        "{} without a telephone called {}",
                        account.aor,
                        convoke_types::loggable(place)
                    )
                },
            );
            return Err(Fault::new(
                FaultCode::NoTelephone,
                "a person with a telephone in their profile",
                came,
            ));
        };
        if let Address::Number(number) = &telephone.address {
            self.dialplan.permit(number)?;
        }
        let party = Party {
            name,
            user: Some(account.aor.clone()),
            address: telephone.address.clone(),
            mode: mode(telephone),
            place: telephone.label.clone(),
            guard: telephone.guard.unwrap_or(false),
            language: self.language_of(account),
            moderator: false,
        };
        Ok((party, telephone.guard))
    }

    async fn number(&self, number: E164, asked: &soap_proto::Party) -> Result<Party, Fault> {
        let ending = ending(&number);
        let told =
            |words: &Option<String>| words.clone().filter(|words| !gives_away(words, &number));
        let (name, place) = (told(&asked.name), told(&asked.place));
        Ok(Party {
            // The name says the number already where nobody gave another.
            place: place.unwrap_or_else(|| match name {
                Some(_) => format!("number {ending}"),
                None => "outside".to_owned(),
            }),
            name: name.unwrap_or_else(|| format!("Number {ending}")),
            user: None,
            guard: self.is_guarded(&number).await?,
            address: Address::Number(number),
            mode: Mode::Pstn,
            language: self.language.clone(),
            moderator: false,
        })
    }

    /// Whether whoever answers at a number has to press 1: numbers of nobody here may be a mailbox's.
    async fn is_guarded(&self, number: &E164) -> Result<bool, Fault> {
        let owner = self.store.owner_of(number).await.map_err(store_fault)?;
        Ok(owner.is_none() && self.guard_outside)
    }
}

/// What others, and logs, may see of a SIP address: its domain.
fn masked(uri: &str) -> String {
    match sip_proto::Uri::parse(uri) {
        Ok(uri) => format!("an address at {}", convoke_types::loggable(uri.host())),
        Err(_) => "something else".to_owned(),
    }
}

/// What others may see of a number: `…07`.
fn ending(number: &E164) -> String {
    let digits = number.digits();
    let shown = digits.chars().skip(digits.len().saturating_sub(2));
    std::iter::once('…').chain(shown).collect()
}

/// Whether words are nothing but the number, in whatever form, which others must not see.
fn gives_away(words: &str, number: &E164) -> bool {
    let digits: String = words.chars().filter(char::is_ascii_digit).collect();
    let national = digits.trim_start_matches('0');
    let is_name = words.chars().any(char::is_alphabetic);
    !is_name && national.len() > 4 && number.digits().ends_with(national)
}

fn is_place(telephone: &Telephone, place: &str) -> bool {
    telephone.label.eq_ignore_ascii_case(place)
        || telephone.kind.as_str().eq_ignore_ascii_case(place)
}

fn mode(telephone: &Telephone) -> Mode {
    match (&telephone.address, telephone.kind) {
        (Address::Sip(_), _) => Mode::Sip,
        (Address::Client, _) => Mode::Computer,
        (Address::Number(_), TelephoneKind::Mobile) => Mode::Mobile,
        (Address::Number(_), TelephoneKind::Work | TelephoneKind::Home | TelephoneKind::Other) => {
            Mode::Pstn
        }
    }
}

fn unknown_person(expected: &str) -> Fault {
    Fault::new(FaultCode::UnknownPerson, expected, "somebody unknown")
}

/// What a caller is told when the store did not do its work.
pub(crate) fn store_fault(error: StoreError) -> Fault {
    match error {
        StoreError::Overloaded => Fault::new(
            FaultCode::Overloaded,
            "a request in a quieter moment",
            "a full queue",
        ),
        StoreError::Closed => Fault::new(
            FaultCode::ShuttingDown,
            "a running server",
            "one that is going down",
        ),
        other => {
            tracing::error!(error = %other, "the store failed");
            Fault::new(
                FaultCode::Internal,
                "a working database",
                "a failure of ours; the log says which",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_no_name() {
        let number: E164 = "+4930123456".parse().unwrap();
        for same in [
            "+4930123456",
            "030 / 123456",
            "0049 30 123456",
            "(030) 12-34-56",
        ] {
            assert!(gives_away(same, &number), "{same}");
        }
        for other in [
            "Bob",
            "Room 3456",
            "7",
            "56",
            "+4930123457",
            "Bob 030123456",
        ] {
            assert!(!gives_away(other, &number), "{other}");
        }
    }
}
