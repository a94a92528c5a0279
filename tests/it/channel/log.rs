//! The log of the channel: ours keeps it at the IM server, and behind another the gateway does.

use convoke_tests::peers::sipp::{Sipp, Trunk, ending};
use convoke_tests::peers::sipp_im::{ImClients, Text, instance};
use serde_json::Value;

use super::soap::{create, envelope, fresh, number, person};
use super::stage::{DOMAIN, ImServer, Stage, for_old_clients};

/// sipp commands; what it sent and got stands in the log, body for body, beside the identities.
fn all_of_this_traffic_is_logged(server: ImServer) {
    let trunk = Sipp::start(Trunk {
        calls: 1,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::configured(server, for_old_clients(trunk.addr()));
    let reply_to = format!("sip:alice@{DOMAIN};gr={}", instance(3));
    let busy = number(&format!("+155509{}", ending::BUSY));
    let text = Text {
        content_type: "text/xml; charset=utf-8".to_owned(),
        body: envelope(
            "log-1",
            &reply_to,
            &fresh(),
            &create(&busy, &[person("bob")]),
        ),
    };
    let command = text.body.clone();
    let client = stage.client("alice", "conference", 3);
    let mut sipp = ImClients::start(stage.sip(), DOMAIN, &[client], &[text]).unwrap();
    let messages = sipp
        .wait("the end", |messages| {
            let incoming = ImClients::incoming(messages, "alice");
            incoming
                .iter()
                .any(|message| message.text().contains("<c:ended>"))
        })
        .unwrap();
    let got: Vec<String> = ImClients::incoming(&messages, "alice")
        .iter()
        .map(|message| message.text())
        .collect();
    assert!(got.len() >= 2, "an answer and reports: {got:#?}");
    let log = stage.log();
    let find = |from: &str, to: &str, body: &str| {
        let fits = |entry: &&Value| {
            entry["body"]
                .as_str()
                .is_some_and(|logged| logged.trim_end() == body.trim_end())
        };
        let entry = log.iter().find(fits);
        let entry = entry.unwrap_or_else(|| panic!("{body:.300}\nis not among {log:#?}"));
        let is = |key: &str, user: &str| {
            let logged = entry[key].as_str().unwrap();
            logged.contains(&format!("{user}@{DOMAIN}"))
        };
        assert!(is("from", from) && is("to", to), "{entry:#?}");
        assert_eq!(entry["control"], true, "{entry:#?}");
        assert_eq!(entry["contentType"], "text/xml; charset=utf-8");
    };
    find("alice", "conference", &command);
    for body in &got {
        find("conference", "alice", body);
    }
}

#[test]
fn our_im_server_logs_all_of_this_traffic() {
    all_of_this_traffic_is_logged(ImServer::Ours);
}

#[test]
fn the_gateway_logs_all_of_this_traffic_behind_kamailio() {
    all_of_this_traffic_is_logged(ImServer::Kamailio);
}
