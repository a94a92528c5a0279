//! Conferences and their reports as JSON: what the conference service says, in the same words.

use convoke_types::bridge_protocol::Feature;
use convoke_types::leg::EndReason;
use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason, ParticipantRef, Report};
use convoke_types::{Cause, LegState, MutedBy, Role};
use serde::Serialize;
use soap_proto::{ConferenceState, LegSnapshot, ParticipantSnapshot, Snapshot};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};

use super::answer::one_of;

/// A conference at one version.
#[derive(Serialize, ToSchema)]
#[schema(as = Conference)]
pub(crate) struct ConferenceView {
    /// Its id; also in its SIP address, `sip:conf-ID@DOMAIN`.
    id: String,
    /// Its title, possibly empty.
    title: String,
    /// Where it stands.
    #[schema(schema_with = states)]
    state: &'static str,
    /// The number of the last report that is in this.
    version: u64,
    /// Only moderators add people, and nobody new comes in.
    locked: bool,
    /// The video server that has the pictures, or had them when they were lost; missing: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<String>,
    /// That video server is lost, and no other can be had.
    #[serde(rename = "picturesLost")]
    pictures_lost: bool,
    /// How often the sound has gone to another bridge; those who were in are there as well.
    #[serde(rename = "soundMoves")]
    sound_moves: u32,
    /// What the bridge that has the sound now cannot do.
    #[schema(schema_with = lacks)]
    absent: Vec<&'static str>,
    /// Participants on the roster.
    count: u32,
    /// The roster.
    participants: Vec<ParticipantView>,
}

/// A participant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Participant)]
struct ParticipantView {
    /// Id on the roster.
    id: String,
    /// Name to show.
    name: String,
    /// Account, if they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The place that is called.
    place: String,
    /// Role in the conference.
    #[schema(schema_with = roles)]
    role: &'static str,
    /// Not heard.
    muted: bool,
    /// Who muted them, while they are muted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = muters)]
    muted_by: Option<&'static str>,
    /// Talks now.
    talking: bool,
    /// No sound arrives from them.
    silent: bool,
    /// A moderator lets nobody see their pictures.
    hidden: bool,
    /// The place in the queue of raised hands, from 1, while theirs is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    hand: Option<u32>,
    /// Since when it is up, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    hand_since: Option<u64>,
    /// The last leg, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    leg: Option<LegView>,
    /// Where else they are being called while they are in, or why that came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    moving: Option<MovingView>,
}

/// Somebody who is in is being called at another place, and goes on there once they answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Moving)]
struct MovingView {
    /// The other place.
    place: String,
    /// The leg there. When it has ended, they stay where they are.
    leg: LegView,
}

/// The last attempt to connect a participant.
#[derive(Serialize, ToSchema)]
#[schema(as = Leg)]
struct LegView {
    /// The leg.
    id: String,
    /// Where it stands.
    #[schema(schema_with = leg_states)]
    state: &'static str,
    /// The same for people.
    words: &'static str,
    /// Why, at an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseView>,
    /// Since when.
    since: u64,
}

/// Why a leg ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Cause)]
struct CauseView {
    /// The reason, one of a closed list.
    #[schema(schema_with = end_reasons)]
    reason: &'static str,
    /// The SIP status that told us.
    #[serde(skip_serializing_if = "Option::is_none")]
    sip: Option<u16>,
    /// The Q.850 cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    q850: Option<u8>,
    /// For people.
    words: String,
}

/// One change of a conference. Versions grow by one.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportView {
    /// The conference.
    conference: String,
    /// The number of this change.
    version: u64,
    /// Whom it concerns; missing: the conference as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<WhomView>,
    /// What changed.
    change: ChangeView,
    /// The command that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

/// Whom a report concerns.
#[derive(Serialize, ToSchema)]
#[schema(as = Whom)]
struct WhomView {
    /// Id on the roster.
    id: String,
    /// Name to show.
    name: String,
    /// Account, if they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The place that is called.
    place: String,
    /// Role in the conference.
    #[schema(schema_with = roles)]
    role: &'static str,
}

/// What changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
#[schema(as = Change)]
enum ChangeView {
    /// The conference exists.
    Created,
    /// On the roster.
    Added,
    /// The state of a leg.
    Leg {
        /// The leg.
        leg: String,
        /// The new state.
        #[schema(schema_with = leg_states)]
        state: &'static str,
        /// The same for people.
        words: &'static str,
        /// Why, at an end.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<CauseView>,
        /// True: they are in with another leg, which goes on until this one joins; its end changes nothing else.
        #[serde(skip_serializing_if = "Option::is_none")]
        moving: Option<bool>,
    },
    /// Muted or unmuted; also told when they are muted as before, but by somebody else.
    Muted {
        /// True: muted.
        on: bool,
        /// By whom, while they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(schema_with = muters)]
        by: Option<&'static str>,
    },
    /// Talks or stopped.
    Talking {
        /// True: talks.
        on: bool,
    },
    /// A moderator lets nobody see their pictures, or again everybody.
    Hidden {
        /// True: nobody sees them.
        on: bool,
    },
    /// No sound arrives from them, or again some.
    Silent {
        /// True: none.
        on: bool,
    },
    /// Asks to speak, or no more.
    Hand {
        /// True: asks.
        on: bool,
    },
    /// The participant has another role.
    Role,
    /// Locked or open again.
    Locked {
        /// True: locked.
        on: bool,
    },
    /// The pictures are at another video server now, or are lost.
    Pictures {
        /// The video server that has them; missing: they are lost.
        #[serde(skip_serializing_if = "Option::is_none")]
        video: Option<String>,
        /// What happened, for people.
        words: String,
    },
    /// Another bridge mixes the sound now, since the one that had it is lost. Legs stay.
    Sound {
        /// What happened, for people.
        words: String,
    },
    /// Off the roster.
    Removed,
    /// Over; the last report.
    Ended {
        /// Why.
        cause: EndView,
    },
}

/// Why a conference ended.
#[derive(Serialize, ToSchema)]
#[schema(as = ConferenceEnd)]
struct EndView {
    /// For programs.
    #[schema(schema_with = conference_ends)]
    reason: &'static str,
    /// For people.
    words: String,
}

fn states() -> Object {
    one_of(
        "Where it stands.",
        &ConferenceState::ALL.map(ConferenceState::as_str),
    )
}
fn lacks() -> Array {
    let names = Feature::OF_SOUND.map(Feature::as_str);
    ArrayBuilder::new()
        .items(one_of("What a bridge may lack.", &names))
        .description(Some("What the bridge that has the sound now cannot do."))
        .build()
}
fn leg_states() -> Object {
    one_of("The state of a leg.", &LegState::ALL.map(LegState::as_str))
}
fn end_reasons() -> Object {
    one_of(
        "Why it ended, for programs.",
        &EndReason::ALL.map(EndReason::as_str),
    )
}
fn roles() -> Object {
    one_of(
        "Role in the conference.",
        &Role::ON_ROSTER.map(Role::as_str),
    )
}
fn muters() -> Object {
    one_of(
        "Who muted them: a moderator, they themselves, or both. Whoever muted themselves is unmuted \
         by nobody else, unless they raised a hand and are given the floor; as long as a \
         moderator's mute holds, theirs is lifted by *6 on their telephone alone.",
        &MutedBy::ALL.map(MutedBy::as_str),
    )
}
fn conference_ends() -> Object {
    one_of(
        "Why it ended, for programs.",
        &ConferenceEndReason::ALL.map(ConferenceEndReason::as_str),
    )
}

impl ConferenceView {
    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl From<Snapshot> for ConferenceView {
    fn from(of: Snapshot) -> Self {
        Self {
            id: of.id.to_string(),
            title: of.title,
            state: of.state.as_str(),
            version: of.version,
            locked: of.locked,
            video: of.video.map(String::from),
            pictures_lost: of.pictures_lost,
            sound_moves: of.sound_moves,
            absent: of.absent.iter().map(|one| one.as_str()).collect(),
            count: of.count,
            participants: of.participants.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ParticipantSnapshot> for ParticipantView {
    fn from(of: ParticipantSnapshot) -> Self {
        Self {
            id: of.id.to_string(),
            name: of.name,
            user: of.user.map(|user| user.to_string()),
            place: of.place,
            role: of.role.as_str(),
            muted: of.muted,
            muted_by: of.muted_by.map(MutedBy::as_str),
            talking: of.talking,
            silent: of.silent,
            hidden: of.hidden,
            hand: of.hand,
            hand_since: of.hand_since.map(|at| at.0),
            leg: of.leg.map(Into::into),
            moving: of.moving.map(|moving| MovingView {
                place: moving.place,
                leg: moving.leg.into(),
            }),
        }
    }
}

impl From<LegSnapshot> for LegView {
    fn from(of: LegSnapshot) -> Self {
        Self {
            id: of.id.to_string(),
            state: of.state.as_str(),
            words: of.state.words(),
            cause: of.cause.map(Into::into),
            since: of.since.0,
        }
    }
}

impl From<Cause> for CauseView {
    fn from(of: Cause) -> Self {
        Self {
            reason: of.reason.as_str(),
            sip: of.sip,
            q850: of.q850,
            words: of.words,
        }
    }
}

impl From<ParticipantRef> for WhomView {
    fn from(of: ParticipantRef) -> Self {
        Self {
            id: of.id.to_string(),
            name: of.name,
            user: of.user,
            place: of.place,
            role: of.role.as_str(),
        }
    }
}

impl From<Report> for ReportView {
    fn from(of: Report) -> Self {
        Self {
            conference: of.conference.to_string(),
            version: of.version,
            participant: of.participant.map(Into::into),
            change: of.change.into(),
            command: of.command.map(String::from),
        }
    }
}

impl From<Change> for ChangeView {
    fn from(of: Change) -> Self {
        match of {
            Change::Created => ChangeView::Created,
            Change::Added => ChangeView::Added,
            Change::Leg {
                leg,
                state,
                cause,
                moving,
            } => ChangeView::Leg {
                leg: leg.to_string(),
                state: state.as_str(),
                words: state.words(),
                cause: cause.map(Into::into),
                moving: moving.then_some(true),
            },
            Change::Muted { on, by } => ChangeView::Muted {
                on,
                by: by.map(MutedBy::as_str),
            },
            Change::Talking { on } => ChangeView::Talking { on },
            Change::Hidden { on } => ChangeView::Hidden { on },
            Change::Silent { on } => ChangeView::Silent { on },
            Change::Hand { on } => ChangeView::Hand { on },
            Change::Role => ChangeView::Role,
            Change::Locked { on } => ChangeView::Locked { on },
            Change::Pictures { video, words } => ChangeView::Pictures {
                video: video.map(String::from),
                words,
            },
            Change::Sound { words } => ChangeView::Sound { words },
            Change::Removed => ChangeView::Removed,
            Change::Ended {
                cause: ConferenceEnd { reason, words },
            } => ChangeView::Ended {
                cause: EndView {
                    reason: reason.as_str(),
                    words,
                },
            },
        }
    }
}
