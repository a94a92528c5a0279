//! The conference event package (RFC 4575): snapshots of the focus as documents, whole or only what changed.
//!
//! | our leg | RFC 4575's status | disconnection method |
//! | --- | --- | --- |
//! | queued, answered, confirming | pending | |
//! | dialling | dialing-out (at a person's own client: dialing-in) | |
//! | ringing | alerting | |
//! | joined | connected, or muted-via-focus | |
//! | held | on-hold | |
//! | left: hung up | disconnected | departed |
//! | left: by a moderator, joined elsewhere, the conference ended | disconnected | booted |
//! | left: for any other reason | disconnected | failed |
//! | busy | disconnected | busy |
//! | no-answer, declined, unreachable, failed | disconnected | failed |
//!
//! What somebody shows is a `media` element of type video with the label of its section in offers (RFC 4574, §5.8.3): `Camera` or, as RFC 4796 calls a screen,
//! `Slides`. Who was called as a video room and has answered with sound only has an inactive one, where the others have pictures.
//!
//! Who is in and is being called at another place has two endpoints, of which ours says `moving` at the other place.
//!
//! The exact state, the cause, who talks, whose hand is up, whether it is locked and where its pictures are stand in elements of our own namespace, [`EXTENSION`]
//! (`tests/schema/conference-event-1.xsd`). Numbers that are called are never in a document.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use convoke_types::address::{CONFERENCE_USER, conference_uri};
use convoke_types::xml::escaped;
use convoke_types::{ConferenceId, EndReason, LegState, Mode, MutedBy};

use crate::command::{ConferenceState, LegView, PictureKind, RosterEntry, Snapshot};

/// The package's name in Event.
pub const PACKAGE: &str = "conference";
/// The documents' type.
pub const CONTENT_TYPE: &str = "application/conference-info+xml";
/// The namespace of what we add.
pub const EXTENSION: &str = "urn:convoke:conference-event:1";
const CONFERENCE_INFO: &str = "urn:ietf:params:xml:ns:conference-info";
/// Longest text of a document, in characters; what is longer is cut.
const TEXT_MAX_CHARS: usize = 512;

/// The conference that the user part of a URI names, unescaped; `None` when it names none.
pub fn conference_of(user: &str) -> Option<ConferenceId> {
    user.strip_prefix(CONFERENCE_USER)?.parse().ok()
}

/// RFC 4575's status of a leg that is dialled (§5.7.2).
pub fn status_of(state: LegState, muted: bool) -> &'static str {
    match state {
        LegState::Queued | LegState::Answered | LegState::Confirming => "pending",
        LegState::Dialling => "dialing-out",
        LegState::Ringing => "alerting",
        LegState::Joined if muted => "muted-via-focus",
        LegState::Joined => "connected",
        LegState::Held => "on-hold",
        LegState::Left
        | LegState::Busy
        | LegState::NoAnswer
        | LegState::Declined
        | LegState::Unreachable
        | LegState::Failed => "disconnected",
    }
}

/// RFC 4575's disconnection method of a leg that is over (§5.7.5); `None` while it is not.
pub fn disconnection_of(state: LegState, reason: Option<EndReason>) -> Option<&'static str> {
    match state {
        LegState::Left => Some(match reason {
            Some(EndReason::HungUp) => "departed",
            Some(
                EndReason::ByModerator | EndReason::JoinedElsewhere | EndReason::ConferenceEnded,
            ) => "booted",
            _ => "failed",
        }),
        LegState::Busy => Some("busy"),
        LegState::NoAnswer | LegState::Declined | LegState::Unreachable | LegState::Failed => {
            Some("failed")
        }
        LegState::Queued
        | LegState::Dialling
        | LegState::Ringing
        | LegState::Answered
        | LegState::Confirming
        | LegState::Joined
        | LegState::Held => None,
    }
}

/// RFC 4575's joining method (§5.7.3): people's own clients call in, everybody else is called.
fn joining_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Computer => "dialed-in",
        Mode::Pstn
        | Mode::Mobile
        | Mode::Sip
        | Mode::H323
        | Mode::Isdn
        | Mode::Atm
        | Mode::Gateway => "dialed-out",
    }
}

/// The whole state. `version` counts the documents of one subscription, by one each (§4.1.1).
pub fn full(domain: &str, version: u32, now: &Snapshot) -> String {
    let uri = conference_uri(&now.conference, domain);
    let mut out = begin(&uri, "full", version);
    let title = clean(&now.title);
    if !title.is_empty() {
        let _ = writeln!(
            out,
            " <conference-description><display-text>{title}</display-text></conference-description>"
        );
    }
    state(&mut out, now);
    out.push_str(" <users state=\"full\">\n");
    for user in users_of(&uri, now) {
        out.push_str(&user.element("full"));
    }
    out.push_str(" </users>\n</conference-info>\n");
    out
}

/// What changed since the subscriber was told `told`; `None` when nothing did.
pub fn partial(domain: &str, version: u32, told: &Snapshot, now: &Snapshot) -> Option<String> {
    let uri = conference_uri(&now.conference, domain);
    let before: BTreeMap<String, String> = users_of(&uri, told)
        .map(|user| (user.entity, user.inner))
        .collect();
    let mut users = String::new();
    let mut there = Vec::new();
    for user in users_of(&uri, now) {
        if before.get(&user.entity) != Some(&user.inner) {
            users.push_str(&user.element("full"));
        }
        there.push(user.entity);
    }
    for entity in before.keys().filter(|entity| !there.contains(entity)) {
        let _ = writeln!(users, "  <user entity=\"{entity}\" state=\"deleted\"/>");
    }
    let whole = |of: &Snapshot| {
        let pictures = (of.video.clone(), of.pictures_lost);
        let sound = (of.sound_moves, of.absent.clone());
        (of.state, of.locked, pictures, sound)
    };
    if users.is_empty() && whole(told) == whole(now) {
        return None;
    }
    let mut out = begin(&uri, "partial", version);
    state(&mut out, now);
    if !users.is_empty() {
        let _ = write!(out, " <users state=\"partial\">\n{users} </users>\n");
    }
    out.push_str("</conference-info>\n");
    Some(out)
}

/// That the conference is over: the last document of a subscription (§4.5).
pub fn deleted(domain: &str, version: u32, conference: &ConferenceId) -> String {
    let mut out = begin(&conference_uri(conference, domain), "deleted", version);
    out.push_str("</conference-info>\n");
    out
}

fn begin(uri: &str, state: &str, version: u32) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<conference-info xmlns=\"{CONFERENCE_INFO}\" xmlns:c=\"{EXTENSION}\" \
         entity=\"{}\" state=\"{state}\" version=\"{version}\">\n",
        clean(uri)
    )
}

fn state(out: &mut String, now: &Snapshot) {
    let in_it = |entry: &&RosterEntry| entry.leg.state.is_in();
    let count = now.roster.iter().filter(in_it).count();
    let active = matches!(
        now.state,
        ConferenceState::Starting | ConferenceState::Running
    );
    let _ = write!(
        out,
        " <conference-state><user-count>{count}</user-count><active>{active}</active>\
         <c:conference state=\"{}\" version=\"{}\"",
        now.state.as_str(),
        now.version
    );
    attribute(out, "locked", now.locked.then_some(true));
    let absent: Vec<&str> = now.absent.iter().map(|one| one.as_str()).collect();
    let absent = Some(absent.join(" ")).filter(|names| !names.is_empty());
    attribute(out, "absent", absent);
    let video = now.video.as_ref().map(|name| clean(name.as_str()));
    attribute(out, "video", video);
    attribute(out, "pictures-lost", now.pictures_lost.then_some(true));
    let moves = Some(now.sound_moves).filter(|moves| *moves > 0);
    attribute(out, "sound-moves", moves);
    out.push_str("/></conference-state>\n");
}

/// One user: what names them (escaped), and what stands within the element.
struct User {
    entity: String,
    inner: String,
}

impl User {
    fn element(&self, state: &str) -> String {
        format!(
            "  <user entity=\"{}\" state=\"{state}\">{}</user>\n",
            self.entity, self.inner
        )
    }
}

fn users_of<'a>(conference: &'a str, now: &'a Snapshot) -> impl Iterator<Item = User> + 'a {
    let entries = now.roster.iter();
    entries.map(|entry| user(conference, entry, now.video.is_some()))
}

fn user(conference: &str, entry: &RosterEntry, video: bool) -> User {
    let who = &entry.participant;
    let leg = &entry.leg;
    // One account may stand on the roster twice, so what names them is always the participant.
    let entity = clean(&format!("{conference};participant={}", who.id.as_str()));
    let mut inner = format!("<display-text>{}</display-text>", clean(&who.name));
    if let Some(account) = &who.user {
        let aor = clean(&format!("sip:{account}"));
        let _ = write!(
            inner,
            "<associated-aors><entry><uri>{aor}</uri></entry></associated-aors>"
        );
    }
    let _ = write!(inner, "<roles><entry>{}</entry></roles>", who.role.as_str());
    // Where they are stands last: a reader that knows one endpoint only knows that one.
    if let Some(moving) = &entry.moving {
        endpoint(
            &mut inner,
            conference,
            entry,
            (&moving.place, &moving.leg),
            video,
        );
    }
    endpoint(&mut inner, conference, entry, (&who.place, leg), video);
    User { entity, inner }
}

/// A leg of somebody: the one they have, with everything that is true of them, or the one with which they are to go on.
fn endpoint(
    out: &mut String,
    conference: &str,
    entry: &RosterEntry,
    (place, leg): (&str, &LegView),
    video: bool,
) {
    let inner = out;
    let current = leg.id == entry.leg.id;
    let reason = leg.cause.as_ref().map(|cause| cause.reason);
    let _ = write!(
        inner,
        "<endpoint entity=\"{conference};leg={}\"><display-text>{}</display-text><status>{}</status>\
         <joining-method>{}</joining-method>",
        leg.id.as_str(),
        clean(place),
        match (leg.mode, leg.state) {
            (Mode::Computer, LegState::Dialling) => "dialing-in",
            (_, state) => status_of(state, entry.muted),
        },
        joining_of(leg.mode),
    );
    if let Some(method) = disconnection_of(leg.state, reason) {
        let _ = write!(
            inner,
            "<disconnection-method>{method}</disconnection-method>"
        );
        if let Some(cause) = &leg.cause {
            let words = clean(&cause.words);
            let _ = write!(
                inner,
                "<disconnection-info><reason>{words}</reason></disconnection-info>"
            );
        }
    }
    // Who was called as a video room and has answered with sound only. Of one whose picture a moderator hides that is not known.
    let blind = current
        && entry.pictures.is_empty()
        && !entry.hidden
        && leg.mode.may_be_room()
        && leg.state.is_in();
    if video && blind {
        let label = clean(&format!("{}-1", entry.participant.id));
        let _ = write!(
            inner,
            "<media id=\"{label}\"><display-text>Camera</display-text><type>video</type><label>{label}</label>\
             <status>inactive</status></media>"
        );
    }
    let pictures = entry.pictures.iter().filter(|_| current);
    for picture in pictures {
        let label = clean(&picture.label);
        let shows = match picture.kind {
            PictureKind::Camera => "Camera",
            PictureKind::Screen => "Slides",
        };
        let _ = write!(
            inner,
            "<media id=\"{label}\"><display-text>{shows}</display-text><type>video</type><label>{label}</label>\
             <status>sendonly</status></media>"
        );
    }
    let _ = write!(
        inner,
        "<c:leg id=\"{}\" participant=\"{}\" state=\"{}\"",
        leg.id.as_str(),
        entry.participant.id.as_str(),
        leg.state.as_str()
    );
    if let Some(cause) = &leg.cause {
        let _ = write!(inner, " reason=\"{}\"", cause.reason.as_str());
        attribute(inner, "sip", cause.sip);
        attribute(inner, "q850", cause.q850);
    }
    for (name, on) in [
        ("moving", !current),
        ("muted", entry.muted),
        ("hidden", current && entry.hidden),
        ("talking", current && entry.talking),
        ("silent", current && entry.silent),
    ] {
        attribute(inner, name, on.then_some(true));
    }
    let by = entry.muted_by.filter(|_| entry.muted);
    attribute(inner, "muted-by", by.map(MutedBy::as_str));
    attribute(inner, "hand", entry.hand.filter(|_| current));
    inner.push_str("/></endpoint>");
}

fn attribute(out: &mut String, name: &str, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(out, " {name}=\"{value}\"");
    }
}

/// Text as XML 1.0 may hold it, and no longer than anybody reads.
fn clean(text: &str) -> String {
    let end = text.char_indices().nth(TEXT_MAX_CHARS);
    escaped(end.map_or(text, |(end, _)| text.get(..end).unwrap_or_default()))
}
