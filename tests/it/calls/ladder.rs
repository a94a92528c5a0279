//! The SIP ladder of one whole conference, drawn from a real run: `make doc-ladder` writes docs/ladder.md.
//!
//! What alice's client said and heard is its own transcript, what the telephones did is sipp's log, and what IM server and
//! gateway received is the server's log target `sip.wire`. Ports, times and ids are left out, and messages of one moment are
//! drawn in the order of cause, so that the page changes only when the product does.

use std::collections::BTreeMap;

use convoke_tests::ladder::Ladder;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::tests_dir;
use serde_json::Value;
use testkit::GIVE_UP;
use testkit::peer::{Identity, SipPeer, Spoken};
use testkit::process::Line;
use testkit::sip_text::SipText;

use super::stage::{DOMAIN, Stage, behind};
use crate::channel::soap::{TYPE, changes, create, envelope, fresh, leaf, on, person};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const GATEWAY: &str = "sip:conference@example.test";

const INTRODUCTION: &str = "\
# The SIP of one whole conference

Alice's client registers, asks by one MESSAGE for a conference with Bob, follows it by the reports, and ends it. This page is \
drawn by `make doc-ladder` from a real run: what her client and the telephones (sipp) said, and what IM server and gateway received. \
Between gateway and conference service there is SOAP over HTTP instead of SIP, both ways.

Messages of one moment stand in the order of cause. Reports of who talks are left out: they come whenever somebody does. A report may \
carry several changes; here each change has a line of its own.
";

/// One arrow.
#[derive(Debug, Clone)]
struct Arrow {
    from: &'static str,
    to: &'static str,
    words: String,
}

fn arrow(from: &'static str, to: &'static str, words: impl Into<String>) -> Arrow {
    Arrow {
        from,
        to,
        words: words.into(),
    }
}

const CLIENT: &str = "alice's client";
const SERVER: &str = "IM server";
const SIDE: &str = "gateway";
const SERVICE: &str = "conference service";
const TELEPHONES: &str = "telephones";

/// Alice, as far as this conference needs her: takes reports until one of these words came.
struct Alice {
    peer: SipPeer,
    commands: u32,
}

impl Alice {
    fn command(&mut self, body: &str) -> String {
        self.commands += 1;
        let gruu = self.peer.gruu().unwrap().to_owned();
        let id = format!("urn:uuid:00000000-0000-4000-8000-{:012}", self.commands);
        let text = envelope(&id, &gruu, &fresh(), body);
        let headers = [&*format!("Content-Type: {TYPE}")];
        let response = self
            .peer
            .request("MESSAGE", GATEWAY, GATEWAY, &headers, text.as_bytes())
            .unwrap();
        assert_eq!(
            response.status(),
            Some(202)
                .filter(|_| response.status() != Some(200))
                .or(Some(200))
        );
        self.take(|text| text.contains("Response>"))
    }

    fn take(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let message = self.peer.expect("MESSAGE").unwrap();
            self.peer.reply(&message, 200, "OK", &[], b"").unwrap();
            let text = message.text();
            if wanted(&text) {
                return text;
            }
        }
    }
}

#[test]
fn the_ladder_of_one_whole_conference_is_what_the_docs_show() {
    let sipp = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let config =
        behind(&sipp)
            .set("log", "format", "json")
            .set("log", "level", "info,sip.wire=trace");
    let stage = Stage::start(config, &[("alice", ALICE), ("bob", BOB)]);
    let registered = |line: &Line| line.text.contains("gateway registered");
    stage
        .convoke
        .program()
        .wait_line("the gateway's registration", registered)
        .unwrap();

    let password = stage.administrator.device("alice").unwrap();
    let identity = Identity::new("alice", DOMAIN, &password);
    let peer = SipPeer::tcp(identity, stage.convoke.addr("sip_tcp").unwrap(), 7).unwrap();
    let mut alice = Alice { peer, commands: 0 };
    assert_eq!(alice.peer.register("").unwrap().status(), Some(200));
    let made = alice.command(&create(&person("alice"), &[person("bob")]));
    let conference = leaf(&made, "c:id").to_owned();
    alice.take(|text| {
        changes(text)
            .iter()
            .any(|change| change.who == "bob" && change.what == "joined")
    });
    alice.command(&on("end", &conference, None));
    alice.take(|text| {
        changes(text)
            .iter()
            .any(|change| change.what.starts_with("ended"))
    });
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
    // The last acknowledgement is on its way to the gateway yet.
    let last = alice
        .peer
        .transcript()
        .iter()
        .rev()
        .find(|spoken| spoken.message.method() == Some("MESSAGE"));
    let last = format!("\"call_id\":\"{}\"", call_id(&last.unwrap().message));
    let acknowledged =
        |line: &Line| line.text.contains(&last) && line.text.contains("\"status\":200");
    let program = stage.convoke.program();
    program
        .wait_line("the last acknowledgement", acknowledged)
        .unwrap();
    let drawn = Drawing {
        client: alice.peer.transcript(),
        telephones: &outcome.messages,
        wire: &wire_lines(&stage),
        server: &stage.convoke.addr("sip_tcp").unwrap().to_string(),
        local: &alice.peer.local().to_string(),
    }
    .draw();
    let page = format!("{INTRODUCTION}\n```text\n{drawn}```\n");
    let path = tests_dir().join("../docs/ladder.md");
    if std::env::var_os("CONVOKE_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(page, committed, "docs/ladder.md is stale: make doc-ladder");
}

/// What the log target `sip.wire` says: every message that a part of the server received, without bodies.
fn wire_lines(stage: &Stage) -> Vec<Value> {
    let lines = stage.convoke.program().lines();
    let read = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(&line.text).ok());
    read.filter(|line| line["target"] == "sip.wire").collect()
}

/// What everybody said.
struct Drawing<'a> {
    client: &'a [Spoken],
    telephones: &'a [Spoken],
    wire: &'a [Value],
    server: &'a str,
    local: &'a str,
}

impl Drawing<'_> {
    fn draw(&self) -> String {
        let mut arrows = self.gateways_registration();
        arrows.extend(self.client_lane("REGISTER", |_| true));
        let mut reports = Vec::new();
        let mut told = Vec::new();
        for (text, chain) in self.chains() {
            if text.contains("<r:entry>") {
                let news = changes(&text).into_iter();
                let news = news.filter(|change| {
                    !change.what.starts_with("talking") && !change.what.starts_with("silent")
                });
                reports.extend(news.map(|change| (change, chain.clone())));
            } else {
                told.push(chain);
            }
        }
        reports.sort_by_key(|(change, _)| change.version);
        // Two commands, each with its answer.
        assert_eq!(told.len(), 4, "{told:#?}");
        let ending = told.split_off(2);
        arrows.extend(told.into_iter().flatten());
        let mut ending = Some(ending);
        let mut calls: BTreeMap<&str, Vec<Arrow>> = [("alice", ALICE), ("bob", BOB)]
            .into_iter()
            .map(|(name, number)| (name, self.call(name, number)))
            .collect();
        for (change, form) in reports {
            if change.what == "left" {
                arrows.extend(ending.take().into_iter().flatten().flatten());
            }
            if let Some(call) = calls.get_mut(change.who.as_str()) {
                let upto = match change.what.as_str() {
                    "dialling" => Some("INVITE"),
                    "ringing" => Some("180"),
                    "answered" => Some("ACK"),
                    "left" => Some("200"),
                    _ => None,
                };
                if let Some(upto) = upto {
                    let at = call.iter().position(|arrow| arrow.words.starts_with(upto));
                    let at =
                        at.unwrap_or_else(|| panic!("no {upto} of {} in {call:?}", change.who));
                    arrows.extend(call.drain(..=at));
                }
            }
            let words = format!("MESSAGE {} {}", change.who, change.what).replace("  ", " ");
            arrows.extend(form.into_iter().map(|mut arrow| {
                if arrow.words.starts_with("MESSAGE") {
                    arrow.words.clone_from(&words);
                }
                arrow
            }));
        }
        assert!(calls.values().all(Vec::is_empty), "{calls:?}");
        let mut ladder = Ladder::new(&[CLIENT, SERVER, SIDE, SERVICE, TELEPHONES]);
        for arrow in arrows {
            ladder.arrow(arrow.from, arrow.to, &arrow.words);
        }
        ladder.render_timeless()
    }

    fn gateways_registration(&self) -> Vec<Arrow> {
        let of = |line: &&Value| line["of"] == "REGISTER" && line["from"] == "conference";
        self.wire
            .iter()
            .filter(of)
            .map(|line| self.gateway_arrow(line))
            .collect()
    }

    /// A message between IM server and gateway.
    fn gateway_arrow(&self, line: &Value) -> Arrow {
        let words = match (line["method"].as_str(), line["status"].as_u64()) {
            (Some(method), _) => method.to_owned(),
            (None, status) => format!(
                "{} {}",
                status.unwrap_or_default(),
                line["reason"].as_str().unwrap_or_default()
            ),
        };
        if line["local"] == self.server {
            arrow(SIDE, SERVER, words)
        } else {
            arrow(SERVER, SIDE, words)
        }
    }

    /// What the client sent and received of this method's transactions, where the Call-ID is wanted.
    fn client_lane(&self, method: &str, wanted: impl Fn(&str) -> bool) -> Vec<Arrow> {
        let of = |spoken: &&Spoken| {
            let cseq = spoken.message.header("CSeq").unwrap_or_default();
            cseq.ends_with(method) && wanted(call_id(&spoken.message))
        };
        let arrows = self.client.iter().filter(of).map(|spoken| {
            let words = match spoken.message.method() {
                Some(method) => method.to_owned(),
                None => spoken.message.start.replacen("SIP/2.0 ", "", 1),
            };
            if spoken.sent {
                arrow(CLIENT, SERVER, words)
            } else {
                arrow(SERVER, CLIENT, words)
            }
        });
        arrows.collect()
    }

    /// Every MESSAGE with its way over the IM server and back, in the order in which the client saw them, with its body.
    fn chains(&self) -> Vec<(String, Vec<Arrow>)> {
        let mut seen = Vec::new();
        let mut chains = Vec::new();
        for spoken in self.client {
            let id = call_id(&spoken.message);
            if spoken.message.method() != Some("MESSAGE") || seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let mut near = self.client_lane("MESSAGE", |other| other == id);
            let of = |line: &&Value| {
                line["call_id"] == id && line["remote"] != self.local && line["of"] == "MESSAGE"
            };
            let mut far: Vec<_> = self
                .wire
                .iter()
                .filter(of)
                .map(|line| self.gateway_arrow(line))
                .collect();
            // The last word of whoever began comes when the other side has answered.
            let chain = if spoken.sent {
                let end = near.pop();
                near.into_iter().chain(far).chain(end).collect::<Vec<_>>()
            } else {
                let end = far.pop();
                far.into_iter().chain(near).chain(end).collect()
            };
            let text = spoken.message.text();
            let words = format!("MESSAGE {}", operation(&text));
            let chain = chain.into_iter().map(|mut arrow| {
                if arrow.words == "MESSAGE" {
                    arrow.words.clone_from(&words);
                }
                arrow
            });
            chains.push((text, chain.collect()));
        }
        chains
    }

    /// The messages of one telephone's call, without repetitions.
    fn call(&self, name: &str, number: &str) -> Vec<Arrow> {
        let mut seen = Vec::new();
        let mut arrows = Vec::new();
        for spoken in self.telephones {
            let message = &spoken.message;
            let (to, from) = (
                message.header("To").unwrap_or_default(),
                message.header("From").unwrap_or_default(),
            );
            let key = (
                spoken.sent,
                message.start.clone(),
                message.header("CSeq").unwrap_or_default(),
            );
            if !(to.contains(number) || from.contains(number)) || seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let words = match message.method() {
                Some(method) => method.to_owned(),
                None => message.start.replacen("SIP/2.0 ", "", 1),
            };
            let words = format!("{words} ({name})");
            arrows.push(if spoken.sent {
                arrow(TELEPHONES, SERVICE, words)
            } else {
                arrow(SERVICE, TELEPHONES, words)
            });
        }
        arrows
    }
}

fn call_id(message: &SipText) -> &str {
    message.header("Call-ID").unwrap_or_default()
}

/// The element in the body of an envelope.
fn operation(envelope: &str) -> &str {
    let body = envelope.split("Body>").nth(1).unwrap_or_default();
    let name = body.split(['>', ' ', '/']).next().unwrap_or_default();
    name.split(':').next_back().unwrap_or_default()
}
