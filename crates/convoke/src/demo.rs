//! `convoke demo`: a server with embedded defaults, simulated telephones, and three people who have some of them.

use std::net::SocketAddr;

use anyhow::Result;
use phones::{Behaviour, End, Network, Phone, What};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::{Demo, data_flag};
use crate::embedded::{Embedded, PEOPLE, Setting};
use crate::serve;
use crate::video::Absent;

/// Where the demo's carrier takes calls.
const CARRIER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5090);

/// With what everybody signs in to the window.
const PASSWORD: &str = "demo";

/// Runs the demo until Ctrl-C.
pub async fn run(options: Demo) -> Result<bool> {
    let phones = phones::demo_network();
    let demo = Embedded::start(Setting {
        data: &options.data,
        phones: phones.clone(),
        ephemeral: options.any_ports,
        carrier: match options.any_ports {
            true => SocketAddr::new(CARRIER.ip(), 0),
            false => CARRIER,
        },
        calls_per_second: 5.0,
        ring_timeout_s: 20,
        playground: true,
        password: Some(PASSWORD),
        video: true,
    })
    .await?;
    if options.ready_line {
        serve::ready(&demo.server)?;
    } else {
        let absent = demo.video.as_ref().and_then(|video| video.as_ref().err());
        let url = &demo.server.addresses.url;
        print!("{}", welcome(&phones, url, absent, &options));
    }
    let told = tell(&demo.network, options.ready_line);
    tokio::select! {
        () = serve::stop_asked() => println!("\nGoing down: conferences end, clients are told."),
        () = demo.server.failed() => println!("\nA part has failed; the log above says which."),
        () = told => {}
    }
    Ok(demo.shutdown().await)
}

/// Says what the telephones do, a line each, unless programs are reading.
async fn tell(network: &Network, quietly: bool) {
    if quietly {
        return std::future::pending().await;
    }
    let mut events = network.events();
    loop {
        match events.recv().await {
            Ok(event) => {
                if let Some(words) = words(&event.what) {
                    println!("  telephone {} {words}", event.number);
                }
            }
            Err(RecvError::Lagged(missed)) => println!("  ({missed} more)"),
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn words(what: &What) -> Option<String> {
    Some(match what {
        What::Rings { caller } => format!("rings ({caller} calls)"),
        What::Answered => "is picked up".to_owned(),
        What::Ended(End::Declined) => "declines".to_owned(),
        What::Ended(End::HungUp) => "hangs up".to_owned(),
        What::Ended(End::ByCaller) => "is hung up".to_owned(),
        What::Key(key) => format!("hears key {key}"),
        What::Refused { caller } => format!("refuses {caller}"),
        What::Connected | What::Hears | What::Became(_) => return None,
    })
}

fn welcome(phones: &[Phone], url: &str, absent: Option<&Absent>, options: &Demo) -> String {
    let mut text = String::from("\nConvoke runs, with a simulated telephone network:\n\n");
    for phone in phones {
        text.push_str(&format!(
            "  {}  {:<31} {}\n",
            phone.number,
            phone.owner,
            does(&phone.behaviour)
        ));
    }
    text.push_str("\nPeople: ");
    let people: Vec<String> = PEOPLE
        .iter()
        .map(|person| {
            let telephones: Vec<String> = person
                .telephones
                .iter()
                .map(|(label, number)| format!("{label} {number}"))
                .collect();
            format!("{} ({})", person.user, telephones.join(", "))
        })
        .collect();
    text.push_str(&people.join(", "));
    text.push_str(&format!(
        "\n\nThe window: {url}\n  sign in as alice, bob or carol with the password \"{PASSWORD}\"\n\
         The telephones to play with: {url}/phones\n"
    ));
    text.push_str(&match absent {
        None => "Video: press Video call in a chat, in two windows or more (one private, or another browser)".to_owned(),
        Some(absent) => format!("There is {absent}"),
    });
    let program = program();
    let data = data_flag(&options.data);
    text.push_str("\n\nOr in a second terminal:\n");
    let video = (
        "send video \"video bob carol\" --as alice",
        "asks for a video conference: everybody is invited in their own way",
    );
    let commands = [
        (
            "call bob carol +15550107 --as alice",
            "rings everybody's telephones into one conference",
        ),
        (
            "send conference \"call bob\" --as alice",
            "the same in plain words",
        ),
        (
            "send bob \"Lot 7 is confirmed.\" --as alice",
            "a chat message",
        ),
        ("watch --as bob", "what Bob's client receives"),
        ("log", "every message that passed"),
    ];
    let seen = absent.is_none().then_some(video);
    for (arguments, what) in commands.into_iter().chain(seen) {
        text.push_str(&format!("\n  {what}:\n    {program} {arguments}{data}\n"));
    }
    text.push_str(&format!(
        "\nConference web service: {url}/soap/conference?wsdl\nREST: {url}/api/v1/openapi.json\nCtrl-C ends it.\n\n"
    ));
    text
}

/// How this program was called, so that the lines above can be copied.
fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = std::env::current_exe().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

fn does(behaviour: &Behaviour) -> &'static str {
    match behaviour {
        Behaviour::Answer(answer) if answer.hangs_up_after_ms.is_some() => "answers, then hangs up",
        Behaviour::Answer(_) => "answers and speaks",
        Behaviour::Busy => "is busy",
        Behaviour::NoAnswer => "rings, nobody answers",
        Behaviour::Decline { .. } => "declines",
        Behaviour::Voicemail { .. } => "a mailbox answers",
        Behaviour::Refuse { .. } => "is refused by the network",
        Behaviour::ByHand => "rings until answered by hand",
    }
}
