//! The scenes, in the order of the steps.

use std::time::Duration;

use convoke_types::report::{Change, ConferenceEndReason};
use convoke_types::{CommandId, ConferenceId, EndReason, LegState, ParticipantId};
use phones::{Act, PhoneEvent, What};
use runtime::clock;
use sip_proto::Uri;
use soap_proto::{Answer, Create, Operation, Party, Snapshot, Who};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

use super::audio;
use super::cast::{BUSY, Cast, NO_ANSWER, TONES, e164};
use super::reports::Reports;
use super::steps::Steps;

/// How long is waited for a message or a telephone.
const LIMIT: Duration = Duration::from_secs(10);
const CHAT: &str = "Dock 3 is free from seven.";

type Outcome = Result<String, String>;

/// Plays every scene; a scene that fails does not keep the others from being tried where they can.
pub async fn play(cast: &Cast, steps: &mut Steps) {
    steps.step(
        "im.register",
        Ok(format!("3 devices in {} ms", cast.registered.as_millis())),
    );
    steps.step("im.message", chat(cast).await);

    let mut telephones = cast.embedded.network.events();
    let (command, create) = command();
    let made = match made(cast, &create, &command).await {
        Ok(snapshot) => snapshot,
        Err(words) => return steps.step("gateway.command", Err(words)),
    };
    steps.step(
        "gateway.command",
        Ok(format!("conference {}, {} people", made.id, made.count)),
    );
    let mut reports = Reports::of(&cast.alice, made.id.clone());

    let ringing = reports.until_leg("Alice", LegState::Ringing).await;
    steps.step(
        "command.repeat",
        repeat(cast, &create, &command, &made, &mut telephones).await,
    );
    steps.step(
        "leg.ringing",
        ringing.map(|report| format!("told as report {}", report.version)),
    );
    steps.step("leg.joined", joined(&mut reports).await);
    let busy = reports.until_leg("Busy", LegState::Busy).await;
    steps.step("leg.busy", busy.map(|report| ended_with(&report)));
    let no_answer = reports.until_leg("Absent", LegState::NoAnswer).await;
    steps.step("leg.no-answer", no_answer.map(|report| ended_with(&report)));

    let heard = audio::listen(cast, &TONES.each_ref()).await;
    steps.step(
        "audio.others",
        heard
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|spectra| audio::others(spectra)),
    );
    steps.step(
        "audio.not-self",
        heard.and_then(|spectra| audio::not_self(&spectra)),
    );
    steps.step("audio.mute", mute(cast, &mut reports, &made).await);
    let talks =
        |report: &convoke_types::report::Report| report.change == Change::Talking { on: true };
    let talking = reports.until("somebody talking", talks).await;
    steps.step(
        "talking",
        talking.map(|report| {
            report
                .participant
                .map_or_else(String::new, |whom| whom.name)
        }),
    );
    steps.step("leg.left", left(cast, &mut reports).await);
    let order = end(cast, &mut reports, &made.id, &mut telephones).await;
    let hang_up = owner_hangs_up(cast).await;
    steps.step("owner.end-order", both(order, hang_up));
    steps.step("report.order", reports.are_in_order());
    steps.step("log", log(cast, &made.id).await);
}

fn both(first: Outcome, second: Outcome) -> Outcome {
    Ok(format!("{}; {}", first?, second?))
}

async fn chat(cast: &Cast) -> Outcome {
    let bob = Uri::parse(cast.uri("bob")).map_err(|error| error.to_string())?;
    let status = cast
        .alice
        .im()
        .message(&bob, "text/plain", CHAT, Vec::new())
        .await
        .map_err(|error| error.to_string())?;
    if status.code != 202 {
        return Err(format!(
            "expected 202, came {} {}",
            status.code, status.words
        ));
    }
    let came = clock::within(LIMIT, cast.bob.next())
        .await
        .map_err(|_| "Bob got nothing".to_owned())?;
    let came = came.ok_or("Bob's client was closed")?;
    if came.text() != CHAT || came.from != cast.uri("alice") {
        return Err(format!("Bob got another message, from {}", came.from));
    }
    Ok("202, and Bob has it".to_owned())
}

/// Alice calls Bob, Carol, a busy number and one that nobody answers.
fn command() -> (Option<CommandId>, Operation) {
    let outside = |number: &str, name: &str| Party {
        name: Some(name.to_owned()),
        ..Party::of(Who::Number(number.to_owned()))
    };
    let create = Create {
        title: Some("Self-test".to_owned()),
        initiator: Party::of(Who::Person("alice".to_owned())),
        participants: vec![
            Party::of(Who::Person("bob".to_owned())),
            Party::of(Who::Person("carol".to_owned())),
            outside(BUSY, "Busy"),
            outside(NO_ANSWER, "Absent"),
        ],
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    };
    ("selftest-create".parse().ok(), Operation::Create(create))
}

async fn made(cast: &Cast, create: &Operation, id: &Option<CommandId>) -> Result<Snapshot, String> {
    let id = id.clone().ok_or("no command id")?;
    match cast.alice.request_as(create.clone(), id).await {
        Ok(Answer::Done { conference, .. }) => Ok(conference),
        Ok(_) => Err("another answer than create's".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The same command again: the same answer, and no telephone rings a second time.
async fn repeat(
    cast: &Cast,
    create: &Operation,
    id: &Option<CommandId>,
    first: &Snapshot,
    telephones: &mut broadcast::Receiver<PhoneEvent>,
) -> Outcome {
    let again = made(cast, create, id).await?;
    if again.id != first.id {
        return Err(format!("a second conference {} was made", again.id));
    }
    let mut rang = 0;
    while let Ok(event) = telephones.try_recv() {
        let alices = event.number.as_str() == TONES[0].number;
        rang += u32::from(alices && matches!(event.what, What::Rings { .. }));
    }
    if rang == 1 {
        Ok("the first answer; one telephone rang once".to_owned())
    } else {
        Err(format!("Alice's telephone rang {rang} times"))
    }
}

async fn joined(reports: &mut Reports<'_>) -> Outcome {
    for name in ["Alice", "Bob", "Carol"] {
        reports.until_leg(name, LegState::Joined).await?;
    }
    let place = |name, state| {
        reports
            .place_of(name, state)
            .ok_or(format!("{name} was never {state}"))
    };
    let first = place("Alice", LegState::Joined)?;
    for name in ["Bob", "Carol"] {
        if place(name, LegState::Dialling)? < first {
            return Err(format!("{name} was called before the initiator had joined"));
        }
    }
    Ok("Alice first, then Bob and Carol".to_owned())
}

fn ended_with(report: &convoke_types::report::Report) -> String {
    match &report.change {
        Change::Leg {
            cause: Some(cause), ..
        } => {
            let sip = cause
                .sip
                .map_or_else(String::new, |status| format!("SIP {status}: "));
            format!("{sip}{}", cause.words)
        }
        _ => "without a cause".to_owned(),
    }
}

async fn mute(cast: &Cast, reports: &mut Reports<'_>, made: &Snapshot) -> Outcome {
    let [alice, bob, carol] = &TONES;
    let participant = id_of(made, "Bob")?;
    let mute = Operation::Mute {
        conference: made.id.clone(),
        participant: participant.clone(),
    };
    cast.alice
        .request(mute)
        .await
        .map_err(|error| error.to_string())?;
    reports
        .until("Bob muted", |report| {
            matches!(report.change, Change::Muted { on: true, .. })
        })
        .await?;
    let spectra = audio::listen(cast, &[alice, carol]).await?;
    let [at_alice, at_carol] = &spectra[..] else {
        return Err("two telephones were to be heard".to_owned());
    };
    let first = audio::muted(alice, at_alice, bob, carol)?;
    let second = audio::muted(carol, at_carol, bob, alice)?;
    let unmute = Operation::Unmute {
        conference: made.id.clone(),
        participant,
    };
    cast.alice
        .request(unmute)
        .await
        .map_err(|error| error.to_string())?;
    reports
        .until("Bob unmuted", |report| {
            matches!(report.change, Change::Muted { on: false, .. })
        })
        .await?;
    let back = audio::listen(cast, &TONES.each_ref()).await?;
    audio::others(&back)?;
    Ok(format!("{first} for Alice, {second} for Carol, and back"))
}

async fn left(cast: &Cast, reports: &mut Reports<'_>) -> Outcome {
    cast.embedded
        .network
        .act(&e164(TONES[2].number)?, Act::HangUp)
        .await;
    let report = reports.until_leg("Carol", LegState::Left).await?;
    match &report.change {
        Change::Leg {
            cause: Some(cause), ..
        } if cause.reason == EndReason::HungUp => Ok(cause.words.clone()),
        other => Err(format!("another cause: {other:?}")),
    }
}

/// Alice ends it from her client (C11): Bob is disconnected first, she last, then the end is reported.
async fn end(
    cast: &Cast,
    reports: &mut Reports<'_>,
    conference: &ConferenceId,
    telephones: &mut broadcast::Receiver<PhoneEvent>,
) -> Outcome {
    // What the telephones did before this command proves nothing of it.
    while !matches!(
        telephones.try_recv(),
        Err(TryRecvError::Empty | TryRecvError::Closed)
    ) {}
    let end = Operation::End {
        conference: conference.clone(),
    };
    cast.alice
        .request(end)
        .await
        .map_err(|error| error.to_string())?;
    reports.until_ended().await?;
    let bob = reports
        .place_of("Bob", LegState::Left)
        .ok_or("Bob was not told as left")?;
    let alice = reports
        .place_of("Alice", LegState::Left)
        .ok_or("Alice was not told as left")?;
    if bob > alice || alice + 2 != reports.seen().len() {
        return Err("the order of the reports is another".to_owned());
    }
    for number in [TONES[1].number, TONES[0].number] {
        hung_up(telephones, number).await?;
    }
    Ok("ended by the client: Bob, Alice, the end".to_owned())
}

/// Waits until one of Alice's and Bob's telephones is hung up, which must be this one.
async fn hung_up(telephones: &mut broadcast::Receiver<PhoneEvent>, expected: &str) -> Outcome {
    let of_them = [TONES[0].number, TONES[1].number];
    let next = async {
        loop {
            let event = telephones
                .recv()
                .await
                .map_err(|error| format!("what the telephones do was missed: {error}"))?;
            let number = event.number.to_string();
            if matches!(event.what, What::Ended(_)) && of_them.contains(&number.as_str()) {
                return Ok(number);
            }
        }
    };
    match clock::within(LIMIT, next).await {
        Ok(Ok(number)) if number == expected => Ok(number),
        Ok(Ok(number)) => Err(format!("{number} was hung up before {expected}")),
        Ok(Err(words)) => Err(words),
        Err(_) => Err(format!("{expected} was not hung up")),
    }
}

/// A second conference, ended by hanging up the owner's telephone (C10).
async fn owner_hangs_up(cast: &Cast) -> Outcome {
    let create = Create {
        title: None,
        initiator: Party::of(Who::Person("alice".to_owned())),
        participants: vec![Party::of(Who::Person("bob".to_owned()))],
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    };
    let made = made(
        cast,
        &Operation::Create(create),
        &"selftest-second".parse().ok(),
    )
    .await?;
    let mut reports = Reports::of(&cast.alice, made.id);
    reports.until_leg("Bob", LegState::Joined).await?;
    cast.embedded
        .network
        .act(&e164(TONES[0].number)?, Act::HangUp)
        .await;
    let ended = reports.until_ended().await?;
    let Change::Ended { cause } = ended.change else {
        return Err("no end".to_owned());
    };
    if cause.reason != ConferenceEndReason::OwnerLeft {
        return Err(format!("ended for another reason: {}", cause.words));
    }
    let alice = reports
        .place_of("Alice", LegState::Left)
        .ok_or("Alice was not told as left")?;
    let bob = reports
        .place_of("Bob", LegState::Left)
        .ok_or("Bob was not told as left")?;
    if alice > bob {
        return Err("Bob was told as left before the owner".to_owned());
    }
    Ok("ended by the owner's telephone: Alice, Bob, the end".to_owned())
}

/// What the database holds afterwards: the chat, the command and its reports, and a closed record of every leg.
async fn log(cast: &Cast, conference: &ConferenceId) -> Outcome {
    let store = &cast.embedded.server.store;
    let logged = store
        .log_newest(store::PAGE_MAX)
        .await
        .map_err(|error| error.to_string())?;
    let chat = logged
        .iter()
        .filter(|message| message.logged.body.as_ref() == CHAT.as_bytes())
        .count();
    if chat != 1 {
        return Err(format!("the chat is logged {chat} times"));
    }
    let conference_user = format!("conference@{}", cast.embedded.server.addresses.domain);
    let to = logged
        .iter()
        .filter(|message| *message.logged.to == conference_user)
        .count();
    let from = logged
        .iter()
        .filter(|message| *message.logged.from == conference_user)
        .count();
    if to < 6 || from < 6 {
        return Err(format!(
            "only {to} messages to the gateway and {from} from it are logged"
        ));
    }
    let legs = store
        .legs(conference)
        .await
        .map_err(|error| error.to_string())?;
    let open = legs.iter().filter(|leg| leg.ended.is_none()).count();
    if legs.len() != 5 || open > 0 {
        return Err(format!(
            "expected 5 closed records, came {} with {open} open",
            legs.len()
        ));
    }
    Ok(format!(
        "{to} messages to the gateway, {from} from it, 5 closed call records"
    ))
}

fn id_of(made: &Snapshot, name: &str) -> Result<ParticipantId, String> {
    let found = made
        .participants
        .iter()
        .find(|participant| participant.name.starts_with(name));
    found
        .map(|participant| participant.id.clone())
        .ok_or(format!("{name} is not on the roster"))
}
