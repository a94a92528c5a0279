//! Fifty people come within a second, while three others see each other. The fifty have sound by the load's WebRTC clients; the pictures are those of
//! the three, each with a Chromium of their own that decodes them, and three of the fifty watch beside these. Fifty that decode one machine cannot run.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use convoke_tests::peers::pictures::{Pictures, number};
use load::machine::Cores;
use load::web::{Browsers, Manner};
use runtime::clock;
use serde_json::{Value, json};
use testkit::ports;

use super::conference::Stage;
use super::janus::in_a_network;
use super::people::Person;

const COMERS: usize = 50;
/// All of them, alice, bob and carol.
const EVERYBODY: usize = COMERS + 3;
/// The numbers that the three show, by participant.
const SHOWN: [(&str, &str, u8); 3] = [
    ("alice", "p1-1", 3),
    ("bob", "p2-1", 6),
    ("carol", "p3-1", 5),
];
/// The connection by which one of the fifty watches.
const GUEST: &str = "guest watches";
/// How long it is counted what the fifty hear.
const WINDOW: Duration = Duration::from_secs(2);
/// Sound comes in packets of 20 ms.
const PACKETS: u64 = 50 * WINDOW.as_secs() * COMERS as u64;

/// Every one of the three sees both others.
#[track_caller]
fn all_see_each_other(browsers: &mut [Pictures; 3], views: &[BTreeMap<String, String>]) {
    for (browser, view) in browsers.iter_mut().zip(views) {
        assert_eq!(view.len(), 2, "{view:?}");
        for (_, label, shown) in SHOWN {
            if let Some(section) = view.get(label) {
                assert_eq!(browser.see("watch", section).unwrap(), number(shown));
            }
        }
    }
}

/// All come at once; each is in, is on the board, and hears; the three go on seeing each other.
#[test]
fn fifty_join_within_a_second_and_three_go_on_seeing_each_other() {
    let path = "video::fifty::fifty_join_within_a_second_and_three_go_on_seeing_each_other";
    in_a_network(path, || {
        let media = ports::reserve_run(2 * u16::try_from(EVERYBODY).unwrap()).unwrap();
        let (first, last) = (i64::from(media.first()), i64::from(media.last()));
        let stage = Stage::start(|config| {
            config
                .set("media", "port_min", first)
                .set("media", "port_max", last)
        });
        let users: Vec<String> = (1..=COMERS).map(|n| format!("guest{n}")).collect();
        let mut parties = vec![json!({ "person": "bob" }), json!({ "person": "carol" })];
        for user in &users {
            stage.administrator.person(user, user, &[]).unwrap();
            parties.push(json!({ "person": user, "place": "browser" }));
        }
        let made = stage.rest(
            "/api/v1/conferences",
            &json!({ "title": "Everybody", "participants": parties }),
        );
        let id = made["conference"]["id"].as_str().unwrap().to_owned();

        let mut three = SHOWN.map(|(user, _, _)| stage.enter(user, &id));
        let mut browsers = SHOWN.map(|(_, _, shown)| Pictures::start(shown).unwrap());
        for (person, browser) in three.iter_mut().zip(&mut browsers) {
            person.until("sound of the three", |person| person.joined().len() >= 3);
            person.show(browser);
        }
        let labels = SHOWN.map(|(_, label, _)| label);
        let mut views = Vec::new();
        for (person, browser) in three.iter_mut().zip(&mut browsers) {
            person.until("pictures", |person| person.labels() == labels);
            views.push(person.look(browser));
        }
        all_see_each_other(&mut browsers, &views);

        let mut sound = Browsers::start(Cores::choose().load).unwrap();
        let gate = Arc::new(Barrier::new(COMERS));
        let coming: Vec<_> = users
            .iter()
            .map(|user| {
                let mut person = stage.enter(user, &id);
                let (browser, offer) = sound.offer(Manner::Listens).unwrap();
                let gate = Arc::clone(&gate);
                thread::spawn(move || {
                    gate.wait();
                    let begun = clock::now();
                    let came = person.invite("sound", Some(&offer));
                    (person, browser, came, begun, clock::now())
                })
            })
            .collect();
        let mut guests: Vec<Person> = Vec::new();
        let (mut begins, mut waits) = (Vec::new(), Vec::new());
        for comer in coming {
            let (person, browser, came, begun, answered) = comer.join().unwrap();
            assert_eq!(came.status, 200, "{}", came.words);
            sound.answered(browser, &came.sdp).unwrap();
            begins.push(begun);
            waits.push(answered - begun);
            guests.push(person);
        }
        let spread = *begins.iter().max().unwrap() - *begins.iter().min().unwrap();
        assert!(
            spread < Duration::from_secs(1),
            "they came within {spread:?}"
        );
        println!(
            "fifty came within {spread:?}, the last was answered after {:?}",
            waits.iter().max().unwrap()
        );

        let heard = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(async {
                sound.connected(COMERS).await?;
                sound
                    .window(Duration::from_millis(500), WINDOW, || Ok(()), Ok)
                    .await
            });
        let (heard, ()) = heard.unwrap();
        println!(
            "{} packets of {PACKETS}, {} lost",
            heard.received, heard.lost
        );
        assert_eq!(heard.legs, COMERS);
        assert!(
            heard.received > PACKETS * 19 / 20,
            "only {} packets of {PACKETS}",
            heard.received
        );

        for person in three.iter_mut().chain(&mut guests) {
            person.until("everybody", |person| person.joined().len() == EVERYBODY);
        }
        // Three who came see all three, each beside one of their browsers.
        for (guest, browser) in guests.iter_mut().zip(&mut browsers) {
            guest.until("pictures", |guest| guest.labels() == labels);
            let view = guest.look_by(browser, GUEST);
            for (_, label, shown) in SHOWN {
                assert_eq!(browser.see(GUEST, &view[label]).unwrap(), number(shown));
            }
        }
        all_see_each_other(&mut browsers, &views);

        let _ended: Value = stage.rest(&format!("/api/v1/conferences/{id}/end"), &json!({}));
        for guest in &mut guests {
            guest.until("the end", |guest| guest.ended.contains_key("sound"));
        }
    });
}
