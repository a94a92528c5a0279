//! `convoke phones`: the simulated telephone network alone.

use std::time::Duration;

use anyhow::{Context, Result};
use phones::{End, Network, Phone, PhoneEvent, What};
use runtime::tasks::{Shutdown, Tasks};
use serde::Deserialize;
use sip_proto::auth::Login;
use tokio::sync::broadcast::error::RecvError;

use crate::cli::Phones;
use crate::serve::Stop;

/// How long hanging up may take at the end.
const END: Duration = Duration::from_secs(5);

/// The file of telephones: `[[phone]]` with number, owner and behaviour.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    phone: Vec<Phone>,
}

/// Runs the network until it is asked to stop.
pub async fn run(options: Phones) -> Result<bool> {
    let phones = match &options.network {
        None => phones::demo_network(),
        Some(path) => {
            let shown = || path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(shown)?;
            toml::from_str::<File>(&text).with_context(shown)?.phone
        }
    };
    let login = match (options.username, &options.password_file) {
        (Some(username), Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let password = text.trim().to_owned();
            Some(Login { username, password })
        }
        (Some(_), None) => anyhow::bail!("--username needs --password-file"),
        (None, _) => None,
    };
    let mut stop = Stop::new()?;
    let tasks = Tasks::new(Shutdown::new());
    let config = phones::Config {
        listen: options.listen,
        phones: phones.clone(),
        login,
    };
    let network = Network::start(config, &tasks).await?;
    println!("The carrier takes calls at {} (UDP), for:", network.addr());
    for phone in &phones {
        println!("  {:<16} {}", phone.number.as_str(), phone.owner);
    }
    let mut events = network.events();
    loop {
        tokio::select! {
            () = stop.asked() => break,
            event = events.recv() => match event {
                Ok(event) => println!("{}", words(&event)),
                Err(RecvError::Lagged(missed)) => println!("… {missed} events more"),
                Err(RecvError::Closed) => break,
            },
        }
    }
    Ok(tasks.finish(END).await.is_ok())
}

fn words(event: &PhoneEvent) -> String {
    let what = match &event.what {
        What::Rings { caller } => format!("rings ({caller} calls)"),
        What::Answered => "is picked up".to_owned(),
        What::Connected => "is connected".to_owned(),
        What::Key(key) => format!("hears key {key}"),
        What::Hears => "hears something".to_owned(),
        What::Ended(End::Declined) => "declines".to_owned(),
        What::Ended(End::HungUp) => "hangs up".to_owned(),
        What::Ended(End::ByCaller) => "is hung up".to_owned(),
        What::Refused { caller } => format!("refuses {caller}"),
        What::Became(_) => "does something else from now on".to_owned(),
    };
    format!("{} {what}", event.number)
}
