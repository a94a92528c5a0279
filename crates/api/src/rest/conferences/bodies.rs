//! What is asked of conferences, as JSON.

use convoke_types::{Aor, ConferenceId, Fault, FaultCode, ParticipantId};
use serde::Deserialize;
use soap_proto::{CallAt, Create, Operation, Party, Policy, Who};
use utoipa::ToSchema;

/// Somebody to be called.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "exactly one of person, number and sip, and with it name and place"
)]
#[schema(as = Party)]
pub(crate) enum PartyBody {
    /// An account.
    Person {
        /// A name, a user, or `user@domain`.
        person: String,
        /// The name to show, if another.
        name: Option<String>,
        /// Which of their telephones: `mobile`, `work` …
        place: Option<String>,
    },
    /// A telephone.
    Number {
        /// The number.
        number: String,
        /// The name to show.
        name: Option<String>,
        /// What the place is called.
        place: Option<String>,
    },
    /// A SIP address.
    Sip {
        /// The address.
        sip: String,
        /// The name to show.
        name: Option<String>,
        /// What the place is called.
        place: Option<String>,
    },
}

impl From<PartyBody> for Party {
    fn from(body: PartyBody) -> Self {
        let (who, name, place) = match body {
            PartyBody::Person {
                person,
                name,
                place,
            } => (Who::Person(person), name, place),
            PartyBody::Number {
                number,
                name,
                place,
            } => (Who::Number(number), name, place),
            PartyBody::Sip { sip, name, place } => (Who::Sip(sip), name, place),
        };
        Self { who, name, place }
    }
}

/// A conference to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewConference)]
pub(crate) struct CreateBody {
    /// Its title.
    #[schema(max_length = 64)]
    title: Option<String>,
    /// Where I am called, first of all; without it on my usual telephone.
    initiator: Option<PartyBody>,
    /// The others.
    #[serde(default)]
    #[schema(max_items = 500)]
    participants: Vec<PartyBody>,
    /// Departures from the usual rules.
    policy: Option<PolicyBody>,
    /// Who pays, for the call detail records.
    payer: Option<String>,
    /// Which bridge account to use, for the call detail records.
    account: Option<String>,
}

impl CreateBody {
    /// What is asked of the service; `me` is called first unless somebody is named.
    pub fn create(self, me: Option<&Aor>) -> Result<Create, Fault> {
        let initiator = match (self.initiator, me) {
            (Some(initiator), _) => initiator.into(),
            (None, Some(me)) => Party::of(Who::Person(me.to_string())),
            (None, None) => {
                let expected = "an initiator, where a person does not ask themselves";
                return Err(Fault::new(FaultCode::BadRequest, expected, "none"));
            }
        };
        Ok(Create {
            title: self.title,
            initiator,
            participants: self.participants.into_iter().map(Into::into).collect(),
            policy: self.policy.map(Into::into),
            payer: self.payer,
            account: self.account,
            conference: None,
            owner: None,
            video: None,
        })
    }
}

/// Departures from the usual rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Policy)]
struct PolicyBody {
    /// Call everybody at once instead of the initiator first.
    call_all_at_once: Option<bool>,
    /// What happens when the owner leaves.
    on_owner_left: Option<OnOwnerLeft>,
}

impl From<PolicyBody> for Policy {
    fn from(body: PolicyBody) -> Self {
        Self {
            call_all_at_once: body.call_all_at_once,
            on_owner_left: body.on_owner_left.map(|what| match what {
                OnOwnerLeft::End => soap_proto::OnOwnerLeft::End,
                OnOwnerLeft::HandOver => soap_proto::OnOwnerLeft::HandOver,
            }),
        }
    }
}

/// What happens when the owner leaves.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum OnOwnerLeft {
    /// The conference ends.
    End,
    /// Somebody else becomes the owner.
    HandOver,
}

/// People to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddBody {
    /// Whom; 1 to 500.
    #[schema(min_items = 1, max_items = 500)]
    pub participants: Vec<PartyBody>,
}

/// What a command to one participant may say beside whom.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerbBody {
    /// `call`: on which of their telephones, if not the same as before; `browser`: with their own clients.
    place: Option<String>,
    /// `call`: at this number instead.
    number: Option<String>,
    /// `decline`: what one says to it.
    words: Option<String>,
}

/// What is done to a conference as a whole.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConferenceVerb {
    /// End it for all.
    End,
    /// Only moderators add people, and nobody new comes in.
    Lock,
    /// Open again.
    Unlock,
    /// Nobody but moderators is heard any more.
    MuteAll,
    /// They are heard again.
    UnmuteAll,
    /// Hang up everybody but oneself; they stay on the roster.
    DisconnectAll,
}

/// What is done to one participant.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ParticipantVerb {
    /// Call them again.
    Call,
    /// Hang up; they stay on the roster.
    Disconnect,
    /// Nobody hears them any more.
    Mute,
    /// They are heard again.
    Unmute,
    /// Nobody sees their pictures any more.
    Hide,
    /// They are seen again.
    Unhide,
    /// Ask to speak.
    RaiseHand,
    /// Ask no more, or take the hand down.
    LowerHand,
    /// Let them speak: lowers the hand and unmutes.
    GiveFloor,
    /// Give a moderator's rights.
    MakeModerator,
    /// Make them the owner.
    HandOver,
    /// Refuse a call to oneself.
    Decline,
}

impl ConferenceVerb {
    /// What it asks of the service.
    pub fn operation(self, conference: ConferenceId) -> Operation {
        match self {
            ConferenceVerb::End => Operation::End { conference },
            ConferenceVerb::Lock => Operation::Lock { conference },
            ConferenceVerb::Unlock => Operation::Unlock { conference },
            ConferenceVerb::MuteAll => Operation::MuteAll { conference },
            ConferenceVerb::UnmuteAll => Operation::UnmuteAll { conference },
            ConferenceVerb::DisconnectAll => Operation::DisconnectAll { conference },
        }
    }
}

impl VerbBody {
    fn call_at(self) -> Result<Option<CallAt>, Fault> {
        match (self.place, self.number) {
            (None, None) => Ok(None),
            (Some(place), None) => Ok(Some(CallAt::Place(place))),
            (None, Some(number)) => Ok(Some(CallAt::Number(number))),
            (Some(_), Some(_)) => {
                let expected = "a place or a number";
                Err(Fault::new(FaultCode::BadRequest, expected, "both"))
            }
        }
    }
}

impl ParticipantVerb {
    /// What it asks of the service.
    pub fn operation(
        self,
        conference: ConferenceId,
        participant: ParticipantId,
        said: VerbBody,
    ) -> Result<Operation, Fault> {
        Ok(match self {
            ParticipantVerb::Call => Operation::Call {
                conference,
                participant,
                at: said.call_at()?,
            },
            ParticipantVerb::Decline => Operation::Decline {
                conference,
                participant,
                words: said.words,
            },
            ParticipantVerb::Disconnect => Operation::Disconnect {
                conference,
                participant,
            },
            ParticipantVerb::Mute => Operation::Mute {
                conference,
                participant,
            },
            ParticipantVerb::Unmute => Operation::Unmute {
                conference,
                participant,
            },
            ParticipantVerb::Hide => Operation::Hide {
                conference,
                participant,
            },
            ParticipantVerb::Unhide => Operation::Unhide {
                conference,
                participant,
            },
            ParticipantVerb::RaiseHand => Operation::RaiseHand {
                conference,
                participant,
            },
            ParticipantVerb::LowerHand => Operation::LowerHand {
                conference,
                participant,
            },
            ParticipantVerb::GiveFloor => Operation::GiveFloor {
                conference,
                participant,
            },
            ParticipantVerb::MakeModerator => Operation::MakeModerator {
                conference,
                participant,
            },
            ParticipantVerb::HandOver => Operation::HandOver {
                conference,
                participant,
            },
        })
    }
}
