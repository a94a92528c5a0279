//! What each simulated telephone does when it is called.

use convoke_types::E164;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

/// One telephone of the simulated network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// Its number.
    pub number: E164,
    /// Who owns it, for people who read the list.
    pub owner: String,
    /// What it does when it is called.
    pub behaviour: Behaviour,
    /// The law it answers with when both are offered.
    #[serde(default)]
    pub law: Law,
}

/// G.711 in its two laws (ITU-T G.711): A in most of the world, µ in North America and Japan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// µ-law, payload type 0.
    #[default]
    Mu,
    /// A-law, payload type 8.
    A,
}

/// What a telephone does when it is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "does")]
pub enum Behaviour {
    /// Rings and is picked up.
    Answer(Answer),
    /// 486 at once.
    Busy,
    /// Rings and rings.
    NoAnswer,
    /// Rings, then 603.
    Decline {
        /// How long it rings before, in milliseconds.
        after_ms: u64,
    },
    /// Rings, then a machine answers, plays its greeting, and records in silence; presses nothing.
    Voicemail {
        /// How long it rings before, in milliseconds.
        after_ms: u64,
    },
    /// Refused with this status.
    Refuse {
        /// A SIP status, 400 to 699.
        #[serde(deserialize_with = "refusal")]
        status: u16,
    },
    /// Rings until somebody answers it by hand (the demo's page, or a test).
    ByHand,
}

fn refusal<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(from)?;
    match status {
        400..=699 => Ok(status),
        other => Err(D::Error::invalid_value(
            Unexpected::Unsigned(other.into()),
            &"a SIP status of 400 to 699",
        )),
    }
}

/// How a telephone that is picked up goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// How long it rings before it is picked up, in milliseconds.
    pub after_ms: u64,
    /// Whether ring-back comes as early media with 183 instead of a bare 180.
    #[serde(default)]
    pub early_media: bool,
    /// What the person says.
    pub says: Says,
    /// The key that the person presses once a prompt was heard.
    #[serde(default)]
    pub presses: Option<char>,
    /// The person hangs up so long after picking up, in milliseconds.
    #[serde(default)]
    pub hangs_up_after_ms: Option<u64>,
}

/// What comes out of a telephone's microphone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// Nothing: digital silence.
    Nothing,
    /// A sine of this frequency at −10 dBFS.
    Tone {
        /// Hertz.
        hz: f32,
    },
    /// A spoken sentence, then a pause, over and over.
    Voice(Voice),
}

/// The voices shipped with the simulated network, spoken by a synthesiser (8 kHz, µ-law).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Voice {
    /// English, a woman.
    Alice,
    /// English, a man.
    Bob,
    /// English, another woman.
    Carol,
    /// German, a man.
    Driver,
    /// English, an answering machine.
    Voicemail,
}

/// The network that `convoke demo` starts: every kind of telephone that acts by itself, on numbers of the fictional 555-01xx range.
#[must_use]
pub fn demo_network() -> Vec<Phone> {
    let speaks = |after_ms, voice| Answer {
        after_ms,
        early_media: false,
        says: Says::Voice(voice),
        presses: None,
        hangs_up_after_ms: None,
    };
    let row = |number: &str, owner: &str, law, behaviour| {
        number.parse().ok().map(|number| Phone {
            number,
            owner: owner.to_owned(),
            behaviour,
            law,
        })
    };
    [
        row(
            "+15550101",
            "Alice, work",
            Law::Mu,
            Behaviour::Answer(speaks(1_500, Voice::Alice)),
        ),
        row(
            "+15550102",
            "Bob, mobile",
            Law::Mu,
            Behaviour::Answer(speaks(4_000, Voice::Bob)),
        ),
        row(
            "+15550103",
            "Carol, work",
            Law::A,
            Behaviour::Answer(speaks(6_000, Voice::Carol)),
        ),
        row(
            "+15550104",
            "Always busy, outside",
            Law::Mu,
            Behaviour::Busy,
        ),
        row(
            "+15550105",
            "Nobody at home, outside",
            Law::Mu,
            Behaviour::NoAnswer,
        ),
        row(
            "+15550106",
            "Declines, outside",
            Law::Mu,
            Behaviour::Decline { after_ms: 2_500 },
        ),
        row(
            "+15550107",
            "A driver, outside",
            Law::A,
            Behaviour::Answer(Answer {
                presses: Some('1'),
                early_media: true,
                ..speaks(3_000, Voice::Driver)
            }),
        ),
        row(
            "+15550108",
            "Voicemail, outside",
            Law::Mu,
            Behaviour::Voicemail { after_ms: 3_000 },
        ),
        row(
            "+15550109",
            "Hangs up after 20 s, outside",
            Law::Mu,
            Behaviour::Answer(Answer {
                presses: Some('1'),
                hangs_up_after_ms: Some(20_000),
                ..speaks(2_000, Voice::Driver)
            }),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_every_kind_of_telephone_and_no_number_twice() {
        let phones = demo_network();
        assert_eq!(phones.len(), 9);
        let mut numbers: Vec<_> = phones.iter().map(|p| p.number.clone()).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 9);
    }

    #[test]
    fn a_refusal_is_a_status_that_refuses() {
        let read = |status: u16| {
            let text = format!("does = \"refuse\"\nstatus = {status}");
            toml::from_str::<Behaviour>(&text)
        };
        assert_eq!(read(404).unwrap(), Behaviour::Refuse { status: 404 });
        for status in [0, 180, 200, 399, 700] {
            assert!(read(status).is_err(), "{status}");
        }
    }

    #[test]
    fn a_network_is_written_and_read_as_toml() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct File {
            phone: Vec<Phone>,
        }
        let file = File {
            phone: demo_network(),
        };
        let text = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap(), file);
    }
}
