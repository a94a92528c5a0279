//! What the reports of a conference are in words.

use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason, Report};
use convoke_types::{Cause, EndReason, LegState, MutedBy, Role};

use super::Language;
use super::speak::state;

/// One report in words; `None` for what would only be noise (talking; steps between ringing and being in). `told`: the
/// receiver's own command led to it and its answer said so already.
pub(crate) fn report(report: &Report, told: bool, language: Language) -> Option<String> {
    let who = report.participant.as_ref().map_or_else(String::new, |p| {
        if p.name.is_empty() {
            p.place.clone()
        } else {
            p.name.clone()
        }
    });
    match &report.change {
        Change::Leg {
            state: leg,
            cause,
            moving,
            ..
        } => {
            let place = report.participant.as_ref().map(|p| p.place.as_str());
            let moving = place.filter(|_| *moving);
            match moving {
                Some(place) => moving_words(&who, place, *leg, cause.as_ref(), language),
                None => leg_words(&who, *leg, cause.as_ref(), language),
            }
        }
        Change::Added if !told => {
            Some(language.choose(format!("{who} was added."), format!("{who} kam dazu.")))
        }
        Change::Removed if !told => Some(language.choose(
            format!("{who} was removed."),
            format!("{who} wurde entfernt."),
        )),
        Change::Muted { on: true, by } if !told => Some(match by {
            None | Some(MutedBy::Moderator) => {
                language.choose(format!("{who} is muted."), format!("{who} ist stumm."))
            }
            Some(MutedBy::Themselves) => language.choose(
                format!("{who} is muted, by themselves."),
                format!("{who} ist stumm, von sich aus."),
            ),
            Some(MutedBy::Both) => language.choose(
                format!("{who} is muted, by a moderator and by themselves."),
                format!("{who} ist stumm, durch die Moderation und von sich aus."),
            ),
        }),
        Change::Muted { on: false, .. } if !told => {
            let german = format!("{who} ist wieder zu hören.");
            Some(language.choose(format!("{who} can be heard again."), german))
        }
        Change::Hand { on: true } if !told => Some(language.choose(
            format!("{who} raises a hand."),
            format!("{who} meldet sich."),
        )),
        Change::Hand { on: false } if !told => Some(language.choose(
            format!("{who}'s hand is down."),
            format!("{who} meldet sich nicht mehr."),
        )),
        Change::Role if !told => report.participant.as_ref().map(|p| match p.role {
            Role::Owner => language.choose(
                format!("The conference is {who}'s now."),
                format!("Die Konferenz gehört jetzt {who}."),
            ),
            Role::Moderator => language.choose(
                format!("{who} is a moderator now."),
                format!("{who} moderiert jetzt mit."),
            ),
            Role::Participant | Role::Outsider | Role::Administrator => language.choose(
                format!("{who} takes part now."),
                format!("{who} nimmt jetzt teil."),
            ),
        }),
        Change::Locked { on: true } if !told => Some(
            language
                .choose("The conference is locked.", "Die Konferenz ist gesperrt.")
                .to_owned(),
        ),
        Change::Locked { on: false } if !told => Some(
            language
                .choose("The conference is open.", "Die Konferenz ist offen.")
                .to_owned(),
        ),
        Change::Pictures { video: Some(_), .. } => Some(
            language
                .choose(
                    "The pictures come from another video server now.",
                    "Die Bilder kommen jetzt von einem anderen Videoserver.",
                )
                .to_owned(),
        ),
        Change::Pictures { video: None, .. } => Some(
            language
                .choose(
                    "The pictures are lost; sound goes on.",
                    "Die Bilder sind ausgefallen; der Ton läuft weiter.",
                )
                .to_owned(),
        ),
        Change::Sound { .. } => Some(
            language
                .choose(
                    "The sound was interrupted and goes on over another server.",
                    "Der Ton war unterbrochen und läuft über einen anderen Server weiter.",
                )
                .to_owned(),
        ),
        Change::Silent { on: true } => Some(language.choose(
            format!("{who}: no sound from them."),
            format!("{who}: kein Ton."),
        )),
        Change::Ended { cause } => {
            let why = match cause.reason {
                ConferenceEndReason::ByCommand => String::new(),
                ConferenceEndReason::OwnerLeft if cause.owner_was_not_reached() => language
                    .choose(
                        ": whoever started it was not reached",
                        ": wer sie begann, wurde nicht erreicht",
                    )
                    .to_owned(),
                ConferenceEndReason::OwnerLeft => language
                    .choose(": whoever started it left", ": wer sie begann, ist weg")
                    .to_owned(),
                ConferenceEndReason::Empty => language
                    .choose(": everybody left", ": alle sind weg")
                    .to_owned(),
                ConferenceEndReason::Error => failed(cause, language),
                ConferenceEndReason::Shutdown => language
                    .choose(": the server is going down", ": der Server wird angehalten")
                    .to_owned(),
            };
            Some(language.choose(
                format!("The conference has ended{why}."),
                format!("Die Konferenz ist zu Ende{why}."),
            ))
        }
        Change::Created
        | Change::Added
        | Change::Removed
        | Change::Muted { .. }
        | Change::Talking { .. }
        | Change::Hand { .. }
        | Change::Role
        | Change::Locked { .. }
        | Change::Hidden { .. }
        | Change::Silent { on: false } => None,
    }
}

fn leg_words(
    who: &str,
    leg: LegState,
    cause: Option<&Cause>,
    language: Language,
) -> Option<String> {
    match leg {
        LegState::Queued | LegState::Dialling | LegState::Answered => None,
        LegState::Joined => Some(language.choose(
            format!("{who} is in the call."),
            format!("{who} ist im Gespräch."),
        )),
        LegState::Left => Some(language.choose(
            format!("{who} left{}.", left_why(cause, language)),
            format!("{who} ist weg{}.", left_why(cause, language)),
        )),
        LegState::Failed => {
            let why = cause.and_then(|cause| fault_of(cause.reason, language));
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            Some(format!("{who}: {}{why}", state(leg, None, language)))
        }
        LegState::Ringing
        | LegState::Confirming
        | LegState::Held
        | LegState::Busy
        | LegState::NoAnswer
        | LegState::Declined
        | LegState::Unreachable => Some(format!(
            "{who}: {}",
            state(leg, cause.map(|c| c.reason), language)
        )),
    }
}

/// Of somebody who is in and is called at another place.
fn moving_words(
    who: &str,
    place: &str,
    leg: LegState,
    cause: Option<&Cause>,
    language: Language,
) -> Option<String> {
    let words = leg_words(&format!("{who} ({place})"), leg, cause, language);
    match leg {
        // Taken back, or replaced.
        LegState::Left => None,
        end if end.is_end() => words.map(|words| {
            language.choose(
                format!("{words}; {who} stays in the call."),
                format!("{words}; {who} bleibt im Gespräch."),
            )
        }),
        _ => words,
    }
}

fn left_why(cause: Option<&Cause>, language: Language) -> &'static str {
    match cause.map(|c| c.reason) {
        Some(EndReason::ByModerator) => language.choose(" (hung up by a moderator)", " (getrennt)"),
        Some(EndReason::JoinedElsewhere) => {
            language.choose(" (joined elsewhere)", " (anderswo im Gespräch)")
        }
        _ => "",
    }
}

/// Why a conference failed. What else the service says of it is English, and for logs.
fn failed(cause: &ConferenceEnd, language: Language) -> String {
    if let Some(long) = cause.nobody_spoke_for() {
        return language.choose(
            format!(": nobody spoke for {long}"),
            format!(": {long} lang sprach niemand"),
        );
    }
    let words = match cause.bridge_was_lost() {
        true => language.choose(
            ": the connection to the conference bridge was lost",
            ": die Verbindung zur Konferenzbrücke ging verloren",
        ),
        false => language.choose(": there was a fault", ": es gab einen Fehler"),
    };
    words.to_owned()
}

/// Why a leg failed; what it otherwise ends by is its state already.
fn fault_of(reason: EndReason, language: Language) -> Option<&'static str> {
    Some(match reason {
        EndReason::NotPermitted => language.choose(
            "this number may not be called",
            "diese Nummer darf nicht angerufen werden",
        ),
        EndReason::NoLine => language.choose("all lines are in use", "alle Leitungen sind belegt"),
        EndReason::Trunk => language.choose(
            "the telephone line does not work",
            "die Telefonleitung ist gestört",
        ),
        EndReason::Media => {
            language.choose("no sound could be set up", "der Ton kam nicht zustande")
        }
        EndReason::Bridge => language.choose(
            "the conference bridge does not work",
            "die Konferenzbrücke ist gestört",
        ),
        EndReason::Shutdown => {
            language.choose("the server is going down", "der Server wird angehalten")
        }
        EndReason::Network => language.choose(
            "the connection failed or was lost",
            "die Verbindung kam nicht zustande oder ging verloren",
        ),
        EndReason::HungUp
        | EndReason::ByModerator
        | EndReason::JoinedElsewhere
        | EndReason::ConferenceEnded
        | EndReason::Busy
        | EndReason::RingTimeout
        | EndReason::Voicemail
        | EndReason::Declined
        | EndReason::Unreachable => return None,
    })
}
