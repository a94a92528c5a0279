//! Random documents of every kind, as they come out of the writer.
#![expect(clippy::unwrap_used, reason = "what is parsed here was made to fit")]

use convoke_types::bridge_protocol::Feature;
use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason, ParticipantRef, Report};
use convoke_types::{
    Aor, Cause, EndReason, Fault, FaultCode, LegState, MutedBy, NumberRefusal, Role,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use soap_proto::{
    Answer, CallAt, ConferenceState, Create, Expires, Headers, LegSnapshot, MovingSnapshot,
    OnOwnerLeft, Operation, OperationName, ParticipantSnapshot, Party, Policy, ReportAck,
    ReportMessage, Request, Response, Snapshot, UtcMillis, Who, clean,
};
use std::fmt::Debug;
use std::str::FromStr;

pub fn id<T: FromStr + Debug + Clone + 'static>() -> impl Strategy<Value = T>
where
    T::Err: Debug,
{
    "[A-Za-z0-9._~:+@-]{1,40}".prop_map(|t| t.parse().unwrap())
}
pub fn text(max: usize) -> impl Strategy<Value = String> {
    ".{0,80}".prop_map(move |t| clean(&t, max))
}
pub fn label() -> impl Strategy<Value = String> {
    "[a-zäöü<>&\"' ]{1,30}".prop_map(|t| clean(&format!("x{t}"), 64))
}
pub fn aor() -> impl Strategy<Value = Aor> {
    "[a-z0-9.'&=-]{1,20}@[a-z0-9.-]{1,30}".prop_map(|t| t.parse().unwrap())
}
pub fn uri() -> impl Strategy<Value = String> {
    "sip:[!-~]{1,60}"
}
fn moment() -> impl Strategy<Value = UtcMillis> {
    (946_684_800_000u64..4_102_444_800_000).prop_map(UtcMillis)
}

pub fn headers() -> impl Strategy<Value = Headers> {
    let expires = (moment(), 1u32..=30).prop_map(|(sent, seconds)| Expires { sent, seconds });
    (
        of(id()),
        of(id()),
        of(uri()),
        of(uri()),
        of(uri()),
        of(expires),
        of(aor()),
    )
        .prop_map(
            |(message_id, relates_to, reply_to, to, action, expires, asserted)| Headers {
                message_id,
                relates_to,
                reply_to,
                to,
                action,
                expires,
                asserted,
            },
        )
}

pub fn number() -> impl Strategy<Value = String> {
    "[+0-9(][0-9 .()/-]{0,20}[0-9]".prop_map(|t| clean(&t, 40))
}

fn call_at() -> impl Strategy<Value = CallAt> {
    prop_oneof![
        label().prop_map(CallAt::Place),
        number().prop_map(CallAt::Number),
    ]
}

fn party() -> impl Strategy<Value = Party> {
    let who = prop_oneof![
        label().prop_map(Who::Person),
        aor().prop_map(|a| Who::Person(a.to_string())),
        number().prop_map(Who::Number),
        uri().prop_map(Who::Sip),
    ];
    (who, of(text(64)), of(label())).prop_map(|(who, name, place)| Party { who, name, place })
}

fn policy() -> impl Strategy<Value = Policy> {
    let left = select(vec![OnOwnerLeft::End, OnOwnerLeft::HandOver]);
    (of(any::<bool>()), of(left)).prop_map(|(call_all_at_once, on_owner_left)| Policy {
        call_all_at_once,
        on_owner_left,
    })
}

fn create() -> impl Strategy<Value = Operation> {
    (
        of(text(64)),
        party(),
        vec(party(), 0..5),
        of(policy()),
        of(label()),
        of(label()),
        (of(id()), of(aor()), of(id())),
    )
        .prop_map(
            |(title, initiator, participants, policy, payer, account, allocated)| {
                let (conference, owner, video) = allocated;
                Operation::Create(Create {
                    title,
                    initiator,
                    participants,
                    policy,
                    payer,
                    account,
                    conference,
                    owner,
                    video,
                })
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => create(),
        1 => (id(), vec(party(), 1..4)).prop_map(|(conference, participants)| Operation::Add { conference, participants }),
        2 => (id(), id(), of(call_at())).prop_map(|(conference, participant, at)| Operation::Call { conference, participant, at }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Disconnect { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Remove { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Mute { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Unmute { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Hide { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::Unhide { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::RaiseHand { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::LowerHand { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::GiveFloor { conference, participant }),
        1 => id().prop_map(|conference| Operation::Lock { conference }),
        1 => id().prop_map(|conference| Operation::Unlock { conference }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::MakeModerator { conference, participant }),
        1 => (id(), id()).prop_map(|(conference, participant)| Operation::HandOver { conference, participant }),
        1 => id().prop_map(|conference| Operation::MuteAll { conference }),
        1 => id().prop_map(|conference| Operation::UnmuteAll { conference }),
        1 => id().prop_map(|conference| Operation::DisconnectAll { conference }),
        2 => (id(), id(), of(text(512))).prop_map(|(conference, participant, words)| Operation::Decline { conference, participant, words }),
        1 => id().prop_map(|conference| Operation::End { conference }),
        1 => (id(), of(id()), of(text(512))).prop_map(|(conference, video, words)| Operation::Pictures { conference, video, words }),
        1 => (id(), of(0u64..10_000_000), of(0u32..=25_000), of(0u32..99_999))
            .prop_map(|(conference, since, wait_ms, first)| Operation::Get { conference, since, wait_ms, first }),
        1 => Just(Operation::List),
    ]
}

pub fn request() -> impl Strategy<Value = Request> {
    (headers(), operation()).prop_map(|(headers, operation)| Request { headers, operation })
}

fn cause() -> impl Strategy<Value = Cause> {
    (
        select(EndReason::ALL.to_vec()),
        of(100u16..700),
        of(0u8..128),
        text(512),
    )
        .prop_map(|(reason, sip, q850, words)| Cause {
            reason,
            sip,
            q850,
            words,
        })
}
fn state() -> impl Strategy<Value = LegState> {
    select(LegState::ALL.to_vec())
}
fn role() -> impl Strategy<Value = Role> {
    select(vec![
        Role::Owner,
        Role::Moderator,
        Role::Participant,
        Role::Outsider,
        Role::Administrator,
    ])
}

fn muter() -> impl Strategy<Value = MutedBy> {
    select(MutedBy::ALL.to_vec())
}

fn leg() -> impl Strategy<Value = LegSnapshot> {
    (id(), state(), of(cause()), moment()).prop_map(|(id, state, cause, since)| LegSnapshot {
        id,
        state,
        cause,
        since,
    })
}
fn participant() -> impl Strategy<Value = ParticipantSnapshot> {
    (
        (id(), text(64), of(aor()), text(64), role()),
        (of(muter()), any::<[bool; 3]>(), of(leg())),
        of((1u32..10_000, moment())),
        of((text(64), leg())),
    )
        .prop_map(
            |(
                (id, name, user, place, role),
                (muted_by, [talking, silent, hidden], leg),
                hand,
                moving,
            )| {
                ParticipantSnapshot {
                    id,
                    name,
                    user,
                    place,
                    role,
                    muted: muted_by.is_some(),
                    muted_by,
                    talking,
                    silent,
                    hidden,
                    hand: hand.map(|(place, _)| place),
                    hand_since: hand.map(|(_, since)| since),
                    leg,
                    moving: moving.map(|(place, leg)| MovingSnapshot { place, leg }),
                }
            },
        )
}
pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    (
        id(),
        text(64),
        select(ConferenceState::ALL.to_vec()),
        any::<bool>(),
        (
            of(id()),
            any::<bool>(),
            any::<u32>(),
            subsequence(Feature::OF_SOUND.to_vec(), 0..=3),
        ),
        0u64..1_000_000,
        vec(participant(), 0..4),
    )
        .prop_map(
            |(
                id,
                title,
                state,
                locked,
                (video, pictures_lost, sound_moves, absent),
                version,
                participants,
            )| Snapshot {
                id,
                title,
                state,
                locked,
                video,
                pictures_lost,
                sound_moves,
                absent,
                version,
                count: u32::try_from(participants.len()).unwrap(),
                first: 0,
                participants,
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let end = select(vec![
        ConferenceEndReason::ByCommand,
        ConferenceEndReason::OwnerLeft,
        ConferenceEndReason::Empty,
        ConferenceEndReason::Error,
        ConferenceEndReason::Shutdown,
    ]);
    prop_oneof![
        Just(Change::Created),
        Just(Change::Added),
        Just(Change::Removed),
        (id(), state(), of(cause()), any::<bool>()).prop_map(|(leg, state, cause, moving)| {
            Change::Leg {
                leg,
                state,
                cause,
                moving,
            }
        }),
        of(muter()).prop_map(|by| Change::Muted {
            on: by.is_some(),
            by
        }),
        any::<bool>().prop_map(|on| Change::Talking { on }),
        any::<bool>().prop_map(|on| Change::Silent { on }),
        any::<bool>().prop_map(|on| Change::Hidden { on }),
        any::<bool>().prop_map(|on| Change::Hand { on }),
        any::<bool>().prop_map(|on| Change::Locked { on }),
        (of(id()), text(512)).prop_map(|(video, words)| Change::Pictures { video, words }),
        text(512).prop_map(|words| Change::Sound { words }),
        Just(Change::Role),
        (end, text(512)).prop_map(|(reason, words)| Change::Ended {
            cause: ConferenceEnd { reason, words }
        }),
    ]
}
fn report_entry() -> impl Strategy<Value = Report> {
    let who =
        (id(), text(64), of(aor()), text(64), role()).prop_map(|(id, name, user, place, role)| {
            ParticipantRef {
                id,
                name,
                user: user.map(|u| u.to_string()),
                place,
                role,
            }
        });
    (id(), 0u64..1_000_000, of(who), change(), of(id())).prop_map(
        |(conference, version, participant, change, command)| Report {
            conference,
            version,
            participant,
            change,
            command,
        },
    )
}

pub fn fault() -> impl Strategy<Value = Fault> {
    let why = of(select(NumberRefusal::ALL.to_vec()));
    let code = select(FaultCode::ALL.to_vec());
    (code, text(512), text(512), why, of(0u32..500)).prop_map(
        |(code, expected, came, why, index)| Fault {
            why,
            index,
            ..Fault::new(code, expected, came)
        },
    )
}

pub fn response() -> impl Strategy<Value = Response> {
    let done = select(
        OperationName::ALL
            .into_iter()
            .filter(|o| o.is_command())
            .collect::<Vec<_>>(),
    );
    let answer = prop_oneof![
        2 => (done, snapshot()).prop_map(|(operation, conference)| Ok(Answer::Done { operation, conference })),
        2 => (snapshot(), vec(report_entry(), 0..6)).prop_map(|(conference, reports)| Ok(Answer::Get { conference, reports })),
        1 => vec(snapshot(), 0..3).prop_map(|conferences| Ok(Answer::List { conferences })),
        1 => fault().prop_map(Err),
    ];
    (headers(), answer).prop_map(|(headers, outcome)| Response { headers, outcome })
}

pub fn report() -> impl Strategy<Value = ReportMessage> {
    (headers(), of(aor()), of(uri()), vec(report_entry(), 1..6)).prop_map(
        |(headers, user, address, reports)| ReportMessage {
            headers,
            user,
            address,
            reports,
        },
    )
}

pub fn report_ack() -> impl Strategy<Value = ReportAck> {
    let outcome = prop_oneof![(0u32..=100).prop_map(Ok), fault().prop_map(Err)];
    (headers(), outcome).prop_map(|(headers, outcome)| ReportAck { headers, outcome })
}
