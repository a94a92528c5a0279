//! Speech over a telephone line that loses and swaps packets, as another telephone in the conference hears it (item 7).

use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, from_mu_law, write_wav};
use convoke_tests::clock::{Run, judge};
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::zeep::{Followed, Zeep};
use convoke_tests::peers::{python, tests_dir};
use convoke_tests::spoilt::{SpoiltLine, latest};
use testkit::relay::Spoil;

use super::stage::{Stage, config, create, with_telephone};

/// One line without losses and one for each seed: who speaks, whose telephone, who hears, whose telephone.
const LINES: [(&str, &str, &str, &str, Option<u64>); 4] = [
    ("alice", "+15550101", "ann", "+15550102", None),
    ("bob", "+15550103", "ben", "+15550104", Some(1)),
    ("carol", "+15550105", "cem", "+15550106", Some(2)),
    ("dave", "+15550107", "dora", "+15550108", Some(3)),
];
/// Longest gap that any line may have.
const GAP_MAX_MS: u64 = 60;
/// The telephones speak in time of their own, which a busy machine does not always give them. A packet that the relay got later than this
/// after its turn was spoken late, past all that a jitter buffer is for.
const SPOKEN_LATE: Duration = Duration::from_millis(60);
/// Silence before the speech, until the other has joined.
const BEFORE_S: usize = 4;

fn speech() -> Vec<i16> {
    let mut speech = Vec::new();
    for voice in ["alice", "bob"] {
        let path = tests_dir().join(format!("../crates/phones/voices/{voice}.ulaw"));
        speech.extend(from_mu_law(&std::fs::read(path).unwrap()));
    }
    speech
}

/// One conference between who speaks and who hears.
struct Line {
    speaker: Baresip,
    hearer: Baresip,
    relay: SpoiltLine,
    conference: Option<(Zeep, Followed)>,
}

#[test]
fn speech_stays_good_over_a_line_that_loses_and_swaps_packets() {
    on_time(
        "calls::speech::speech_stays_good_over_a_line_that_loses_and_swaps_packets",
        || judge(SPOKEN_LATE, speak),
    );
}

fn speak() -> Run {
    let reference = speech();
    let mut says = vec![0; BEFORE_S * RATE as usize];
    says.extend_from_slice(&reference);
    says.extend(vec![0; 2 * RATE as usize]);
    let mut config = config();
    let mut lines = Vec::new();
    for (_, speaks, _, hears, seed) in LINES {
        let telephone = |number| Telephone {
            number,
            tone_hz: 0.0,
            ..Telephone::default()
        };
        let speaker = Baresip::start_with(telephone(speaks), &says).unwrap();
        let hearer = Baresip::start(telephone(hears)).unwrap();
        let spoil = seed.map_or_else(Spoil::default, |seed| Spoil {
            loss_permille: 30,
            // A concealment of one packet cannot be asked to invent a word: no more than two go in a row.
            loss_run_max: 2,
            swap_permille: 20,
            seed,
        });
        let relay = SpoiltLine::before(speaker.sip(), speaker.rtp(), spoil).unwrap();
        let at = relay.sip();
        config = with_telephone(config, speaks, at);
        config = with_telephone(config, hears, hearer.sip());
        lines.push(Line {
            speaker,
            hearer,
            relay,
            conference: None,
        });
    }
    let people: Vec<_> = LINES
        .iter()
        .flat_map(|(speaker, speaks, hearer, hears, _)| [(*speaker, *speaks), (*hearer, *hears)])
        .collect();
    let stage = Stage::start(config, &people);
    let mut zeeps: Vec<_> = LINES
        .iter()
        .map(|line| {
            Zeep::start(&stage.convoke, &stage.administrator.token(line.0).unwrap()).unwrap()
        })
        .collect();
    zeeps.reverse();
    for (line, (speaker, _, hearer, ..)) in lines.iter_mut().zip(LINES) {
        let mut zeep = zeeps.pop().unwrap();
        let conference = zeep.create(create(speaker, &[hearer])).unwrap();
        line.conference = Some((zeep, conference));
    }
    for (line, (_, _, hearer, ..)) in lines.iter_mut().zip(LINES) {
        let (zeep, conference) = line.conference.as_mut().unwrap();
        conference.until_leg(zeep, hearer, "joined").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("reference.wav");
    write_wav(&original, &reference, Law::Linear).unwrap();
    let mut clean = None;
    let mut run = Run {
        faults: Vec::new(),
        late: Duration::ZERO,
    };
    for (line, (.., seed)) in lines.iter_mut().zip(LINES) {
        // baresip hangs up at the end of its file, and the owner's leaving ends the conference.
        line.speaker.wait_event("CALL_CLOSED").unwrap();
        line.hearer.wait_event("CALL_CLOSED").unwrap();
        let heard = dir.path().join("heard.wav");
        write_wav(&heard, &line.hearer.heard().unwrap(), Law::Linear).unwrap();
        let paths = [original.to_str().unwrap(), heard.to_str().unwrap()];
        let said = python::run("pesq_score.py", &paths, Duration::from_secs(30)).unwrap();
        let (pesq, level) = (
            said["pesq"].as_f64().unwrap(),
            said["level_db"].as_f64().unwrap(),
        );
        let gap = said["longest_gap_ms"].as_u64().unwrap();
        let late = latest(&line.relay.said());
        let spoken = line.relay.spoken();
        let what = seed.map_or_else(
            || "no losses".to_owned(),
            |seed| format!("seed {seed}: {spoken:?}"),
        );
        let clean = *clean.get_or_insert(pesq);
        let words = format!(
            "{what}: PESQ {pesq:.2} against {clean:.2}, longest gap {gap} ms, level {level:+.1} dB, spoken up to {} ms late",
            late.as_millis()
        );
        println!("{words}");
        run.late = run.late.max(late);
        if clean < 3.5 || clean - pesq > 0.7 || gap > GAP_MAX_MS || level.abs() > 3.0 {
            run.faults.push(words);
        }
        if seed.is_some() {
            assert!(spoken.lost > 10 && spoken.swapped > 5, "{spoken:?}");
        }
    }
    run
}
