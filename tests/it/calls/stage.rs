//! What most tests here stand on: a running server with people, and a zeep with the token of the first of them.

use std::net::SocketAddr;

use convoke_tests::audio::{RATE, from_mu_law};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::sipp::Sipp;
use convoke_tests::peers::tests_dir;
use convoke_tests::peers::zeep::{self, Zeep};
use convoke_tests::rest::Administrator;
use serde_json::{Value, json};
use testkit::peer::Spoken;
use toml::Value as Toml;

pub const DOMAIN: &str = "example.test";

/// The server, its administrator, and alice's zeep.
pub struct Stage {
    pub convoke: Convoke,
    pub administrator: Administrator,
    pub zeep: Zeep,
}

impl Stage {
    /// Starts the server and makes these people (user, number of their telephone), named as their users are; the first commands.
    pub fn start(config: Config, people: &[(&str, &str)]) -> Self {
        Self::with(Convoke::start(config).unwrap(), people)
    }

    /// The same with a server that runs already.
    pub fn with(convoke: Convoke, people: &[(&str, &str)]) -> Self {
        let administrator = Administrator::of(&convoke).unwrap();
        for (user, number) in people {
            let telephones = [("work", *number)];
            administrator.person(user, user, &telephones).unwrap();
        }
        let token = administrator.token(people[0].0).unwrap();
        let zeep = Zeep::start(&convoke, &token).unwrap();
        Self {
            convoke,
            administrator,
            zeep,
        }
    }
}

/// One trunk with sipp's telephones behind it.
pub fn behind(sipp: &Sipp) -> Config {
    config().trunk("sipp", sipp.addr(), "udp", &[])
}

pub fn config() -> Config {
    Config::new(DOMAIN).unwrap()
}

/// Adds a trunk that leads to one telephone alone.
pub fn with_telephone(config: Config, number: &str, at: SocketAddr) -> Config {
    let prefixes = ("prefixes", Toml::from(vec![number.to_owned()]));
    config.trunk(
        &format!("to{}", number.replace('+', "-")),
        at,
        "udp",
        &[prefixes],
    )
}

/// Starts baresips, each behind a trunk of its own.
pub fn baresips<const N: usize>(
    config: Config,
    telephones: [Telephone; N],
) -> (Config, [Baresip; N]) {
    let started = telephones.map(|telephone| Baresip::start(telephone).unwrap());
    let mut config = config;
    for (telephone, baresip) in telephones.iter().zip(&started) {
        config = with_telephone(config, telephone.number, baresip.sip());
    }
    (config, started)
}

/// Arguments of `create`: the first person and the others, by user name or number.
pub fn create(initiator: &str, others: &[&str]) -> Value {
    let others: Vec<_> = others.iter().map(|who| party(who)).collect();
    json!({ "initiator": party(initiator), "participant": others })
}

/// A person by user name, or a number.
pub fn party(who: &str) -> Value {
    if who.starts_with('+') {
        json!({ "number": who, "name": zeep::shown(who) })
    } else {
        json!({ "person": who })
    }
}

/// When the trunk got (or sent) the first message of these words in the call to a number, in microseconds since 1970.
pub fn when(messages: &[Spoken], number: &str, sent: bool, start: &str) -> u64 {
    let found = messages.iter().find(|spoken| {
        let to = spoken.message.header("To").unwrap_or_default();
        let from = spoken.message.header("From").unwrap_or_default();
        spoken.sent == sent
            && spoken.message.start.starts_with(start)
            && (to.contains(number) || from.contains(number))
    });
    found
        .unwrap_or_else(|| panic!("no {start} of {number}"))
        .at_us
}

/// How like the first second of a shipped prompt something in the recording is: the peak of the normalised cross-correlation.
pub fn likeness(heard: &[i16], prompt: &str, language: &str) -> f64 {
    let name = format!("../crates/media/prompts/{prompt}.{language}.ulaw");
    let prompt = from_mu_law(&std::fs::read(tests_dir().join(name)).unwrap());
    let second = RATE as usize;
    let clip: Vec<f64> = prompt[second / 2..second * 3 / 2]
        .iter()
        .map(|s| f64::from(*s))
        .collect();
    let wave: Vec<f64> = heard.iter().map(|s| f64::from(*s)).collect();
    let mut energy = vec![0.0];
    for sample in &wave {
        energy.push(energy[energy.len() - 1] + sample * sample);
    }
    let own = clip.iter().map(|s| s * s).sum::<f64>();
    let likeness = |at: usize, step: usize| {
        let there = energy[at + clip.len()] - energy[at];
        let products = (0..clip.len())
            .step_by(step)
            .map(|n| clip[n] * wave[at + n]);
        // Where nothing is heard, nothing is like it.
        step as f64 * products.sum::<f64>() / (own * there.max(own / 100.0)).sqrt()
    };
    // Every eighth sample of the clip tells where it may be; there, all of them decide.
    (0..wave.len().saturating_sub(clip.len()))
        .filter(|at| likeness(*at, 8) > 0.3)
        .map(|at| likeness(at, 1))
        .fold(0.0, f64::max)
}
