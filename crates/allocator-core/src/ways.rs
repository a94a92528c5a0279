//! The conference information (V3): how each person takes part, worked out from their modes in their order, and from what can be
//! served.

use convoke_types::video::VideoGuest;
use convoke_types::{Aor, Mode, NetworkAddress, ParticipantId};
use service_core::words::Language;
use soap_proto::{BROWSER, Callee, Invited, KnownMode, KnownPerson, Party, Who, WhyNoWay};

use crate::plan::Plan;

/// A way that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub mode: Mode,
    pub how: How,
    /// Whether a picture may come from there, and be seen there.
    pub pictures: bool,
}

/// What happens on that way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// Their own client calls in.
    Browser,
    /// One of the telephones of their profile is called.
    Place(Option<String>),
    /// A number is called.
    Number(String),
    /// A SIP URI is called.
    Sip(String),
}

/// Why somebody has no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoWay {
    /// Nobody is called so, or several are.
    Unknown,
    /// No mode of theirs is known.
    NoMode,
    /// None of their clients is there, and nothing else is known.
    NotThere,
    /// The conference service would not call there.
    NotCalled(Mode),
    /// No gateway leads there.
    NoGateway(Mode),
}

impl NoWay {
    /// As programs are told.
    pub fn why(&self) -> WhyNoWay {
        match self {
            Self::Unknown => WhyNoWay::Unknown,
            Self::NoMode => WhyNoWay::NoMode,
            Self::NotThere => WhyNoWay::NotThere,
            Self::NotCalled(_) => WhyNoWay::NotCalled,
            Self::NoGateway(_) => WhyNoWay::NoGateway,
        }
    }

    /// The mode that it is about.
    pub fn mode(&self) -> Option<Mode> {
        match self {
            Self::NotCalled(mode) | Self::NoGateway(mode) => Some(*mode),
            Self::Unknown | Self::NoMode | Self::NotThere => None,
        }
    }
}

/// Somebody who takes part, or would.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Which of those whom the request names, in its order; the asker is 0.
    pub place: u32,
    /// Empty for a number that the asker gave no name, until the conference service has found one.
    pub name: String,
    pub user: Option<Aor>,
    pub language: Language,
    pub way: Result<Chosen, NoWay>,
}

impl Person {
    /// What the asker knows them by: their name, or else the number as the asker wrote it.
    pub fn shown(&self) -> &str {
        match &self.way {
            Ok(Chosen {
                how: How::Number(number),
                ..
            }) if self.name.is_empty() && self.user.is_none() => number,
            _ => &self.name,
        }
    }
}

/// The way of somebody whose modes are known: the wanted one if it can be had, else the first of theirs that can.
pub(crate) fn of_person(
    known: &KnownPerson,
    wanted: Option<Mode>,
    plan: &Plan,
) -> Result<Chosen, NoWay> {
    let wanted_first = known.modes.iter().filter(|one| Some(one.mode) == wanted);
    let mut why = NoWay::NoMode;
    for mode in wanted_first.chain(&known.modes) {
        match of_mode(mode, plan) {
            Ok(chosen) => return Ok(chosen),
            Err(no_way) if why == NoWay::NoMode => why = no_way,
            Err(_) => {}
        }
    }
    Err(why)
}

fn of_mode(known: &KnownMode, plan: &Plan) -> Result<Chosen, NoWay> {
    let chosen = |how| Chosen {
        mode: known.mode,
        how,
        pictures: known.video,
    };
    match known.mode {
        Mode::Computer if !known.here => Err(NoWay::NotThere),
        mode if !known.here => Err(NoWay::NotCalled(mode)),
        Mode::Computer => Ok(chosen(How::Browser)),
        Mode::Pstn | Mode::Mobile => Ok(chosen(match &known.address {
            Some(number) => How::Number(number.clone()),
            None => How::Place(known.place.clone()),
        })),
        Mode::Sip => match &known.address {
            Some(uri) => Ok(chosen(How::Sip(uri.clone()))),
            None => Err(NoWay::NotThere),
        },
        Mode::H323 | Mode::Isdn | Mode::Atm | Mode::Gateway => {
            let address = known.address.as_deref().unwrap_or_default();
            let address: Option<NetworkAddress> = address.parse().ok();
            let address = address.ok_or(NoWay::NoGateway(known.mode))?;
            Ok(chosen(How::Sip(plan.through_gateway(&address)?)))
        }
    }
}

/// The way of somebody who is only an address; `None` for a person, whose modes have to be asked for.
pub(crate) fn of_address(invited: &Invited, plan: &Plan) -> Option<Result<Chosen, NoWay>> {
    let chosen = |mode, how, pictures| Chosen {
        mode,
        how,
        pictures,
    };
    let called = |callee, mode, how, pictures| match plan.may_call(&callee) {
        true => Ok(chosen(mode, how, pictures)),
        false => Err(NoWay::NotCalled(mode)),
    };
    Some(match invited {
        Invited::Person(_) => return None,
        Invited::Number(number) => {
            let (callee, how) = (Callee::Number(number.clone()), How::Number(number.clone()));
            called(callee, Mode::Pstn, how, false)
        }
        Invited::Sip(uri) => {
            let (callee, how) = (Callee::Sip(uri.clone()), How::Sip(uri.clone()));
            called(callee, Mode::Sip, how, true)
        }
        Invited::Network(address) => plan
            .through_gateway(address)
            .map(|uri| chosen(address.mode(), How::Sip(uri), true)),
    })
}

impl Chosen {
    /// As the conference service is asked for them.
    pub fn party(&self, person: &Person) -> Party {
        let named = |who| Party {
            who,
            name: Some(person.name.clone()).filter(|name| !name.is_empty()),
            place: None,
        };
        let theirs = |place: Option<String>| Party {
            place,
            ..named(Who::Person(
                person
                    .user
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ))
        };
        match &self.how {
            How::Browser => theirs(Some(BROWSER.to_owned())),
            How::Place(place) => theirs(place.clone()),
            How::Number(number) => named(Who::Number(number.clone())),
            How::Sip(uri) => Party {
                place: self
                    .mode
                    .is_through_gateway()
                    .then(|| self.mode.to_string()),
                ..named(Who::Sip(uri.clone()))
            },
        }
    }
}

/// As the video server is told of them: who is on the roster with an account can show and see, by whatever way their sound goes, and so can
/// a video room in the call of its sound.
pub(crate) fn guests(people: &[(ParticipantId, &Person)]) -> Vec<VideoGuest> {
    let guest = |(n, (participant, person)): (usize, &(ParticipantId, &Person))| {
        let way = person.way.as_ref().ok()?;
        // Whom a number or a SIP address stands for is on the roster without an account, but for the initiator.
        let by_account = matches!(way.how, How::Browser | How::Place(_));
        let account = n == 0 || (by_account && person.user.is_some());
        let shows = account || (way.mode.may_be_room() && way.pictures);
        Some(VideoGuest {
            participant: participant.clone(),
            name: person.name.clone(),
            mode: way.mode,
            shows,
            sees: shows,
        })
    };
    people.iter().enumerate().filter_map(guest).collect()
}

#[cfg(test)]
mod tests {
    use convoke_types::ModeSource;

    use super::*;
    use crate::gateways::GatewayRoute;

    fn mode(mode: Mode, address: Option<&str>, here: bool) -> KnownMode {
        KnownMode {
            mode,
            address: address.map(str::to_owned),
            place: (mode == Mode::Mobile).then(|| "mobile".to_owned()),
            video: !matches!(mode, Mode::Pstn | Mode::Mobile),
            here,
            source: ModeSource::ByHand,
        }
    }
    fn person(modes: Vec<KnownMode>) -> KnownPerson {
        KnownPerson {
            user: "bob@example.org".parse().unwrap(),
            name: "Bob".to_owned(),
            language: "en".to_owned(),
            modes,
        }
    }

    #[test]
    fn the_first_mode_that_can_be_had_is_taken_and_a_wanted_one_before_it() {
        let isdn = GatewayRoute::new("isdn", "", "sip:{number}@gw.example").unwrap();
        let mut plan = Plan {
            gateways: vec![isdn],
            ..Plan::default()
        };
        let bob = person(vec![
            mode(Mode::Computer, None, false),
            mode(Mode::Atm, Some("atm:+49301"), true),
            mode(Mode::Mobile, None, true),
            mode(Mode::Isdn, Some("isdn:+49302"), true),
        ]);
        let chosen = of_person(&bob, None, &plan).unwrap();
        assert_eq!(chosen.how, How::Place(Some("mobile".to_owned())));
        assert_eq!((chosen.mode, chosen.pictures), (Mode::Mobile, false));
        let wanted = of_person(&bob, Some(Mode::Isdn), &plan).unwrap();
        assert_eq!(wanted.how, How::Sip("sip:49302@gw.example".to_owned()));
        // What cannot be had is not had because somebody wants it.
        let wanted = of_person(&bob, Some(Mode::Computer), &plan).unwrap();
        assert_eq!(wanted.mode, Mode::Mobile);
        // Nor what may not be called from here.
        let isdn = Callee::Sip("sip:49302@gw.example".to_owned());
        plan.refused.insert(isdn);
        let wanted = of_person(&bob, Some(Mode::Isdn), &plan).unwrap();
        assert_eq!(wanted.mode, Mode::Mobile);
        let invited = Invited::Network("isdn:+49302".parse().unwrap());
        let refused = Some(Err(NoWay::NotCalled(Mode::Isdn)));
        assert_eq!(of_address(&invited, &plan), refused);
    }

    #[test]
    fn without_a_way_it_is_told_why() {
        for (modes, why) in [
            (vec![], NoWay::NoMode),
            (vec![mode(Mode::Computer, None, false)], NoWay::NotThere),
            (
                vec![
                    mode(Mode::H323, Some("h323:4711"), true),
                    mode(Mode::Computer, None, false),
                ],
                NoWay::NoGateway(Mode::H323),
            ),
            (vec![mode(Mode::Sip, None, true)], NoWay::NotThere),
            (
                vec![mode(Mode::Pstn, Some("+1900"), false)],
                NoWay::NotCalled(Mode::Pstn),
            ),
        ] {
            assert_eq!(
                of_person(&person(modes), None, &Plan::default()).unwrap_err(),
                why
            );
        }
        let address = Invited::Network("atm:+49301".parse().unwrap());
        assert_eq!(
            of_address(&address, &Plan::default()),
            Some(Err(NoWay::NoGateway(Mode::Atm)))
        );
        let bob = Invited::Person("bob".to_owned());
        assert_eq!(of_address(&bob, &Plan::default()), None);
    }

    #[test]
    fn each_way_becomes_a_party_of_its_own_kind() {
        let bob = |way: Chosen| Person {
            place: 1,
            name: "Bob".to_owned(),
            user: "bob@example.org".parse().ok(),
            language: Language::English,
            way: Ok(way),
        };
        let way = |mode, how| Chosen {
            mode,
            how,
            pictures: true,
        };
        let browser = way(Mode::Computer, How::Browser);
        let party = browser.party(&bob(browser.clone()));
        assert_eq!(party.who, Who::Person("bob@example.org".to_owned()));
        assert_eq!(party.place.as_deref(), Some("browser"));
        let room = way(Mode::Sip, How::Sip("sip:room@v.example".to_owned()));
        assert_eq!(
            room.party(&bob(room.clone())).who,
            Who::Sip("sip:room@v.example".to_owned())
        );
        let guests = guests(&[("p2".parse().unwrap(), &bob(room))]);
        assert_eq!((guests[0].mode, guests[0].shows), (Mode::Sip, true));
    }
}
