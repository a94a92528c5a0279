//! The program's log: one id follows a command through all parts; no body and no secret is ever in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use server::config::{LogFormat, LogSettings};
use server::logging;

use crate::bench::*;
use crate::gateway::{answer, when_registered};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_follows_a_command_and_no_body_or_secret_is_logged() {
    if std::env::var_os("CONVOKE_TEST_LOG").is_some() {
        // The log is on its way to the screen.
        return;
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let settings = LogSettings {
        format: LogFormat::Json,
        level: "debug,sip.wire=trace,runtime=trace,server=trace,api=trace,store=trace".into(),
    };
    let subscriber = logging::subscriber(&settings, move || writer.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut bench = Bench::start("").await;
    let peer = bench.peer("logged").await;
    let password = peer.identity().password.clone();
    let mut logged = registered(peer).await;
    block(move || {
        when_registered(&mut logged, "call xyzzy-nobody");
        answer(&mut logged);
        assert_eq!(
            say(&mut logged, "logged", "plugh, a private word"),
            Some(202)
        );
    })
    .await;
    let data = bench.directory.path().join("data");
    let mut secrets = vec![password];
    for file in [
        "administrator.key",
        "gateway-conference.secret",
        "gateway.password",
    ] {
        let secret = std::fs::read_to_string(data.join(file)).unwrap();
        secrets.push(secret.trim().to_owned());
    }
    bench.stop().await;

    let text = lines.text();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let relayed = |event: &&serde_json::Value| {
        event["message"] == "control message relayed" && event["from"] == "logged@test.example"
    };
    let request = &events.iter().find(relayed).unwrap()["request"];
    let mut parts: Vec<&str> = events
        .iter()
        .filter(|event| &event["request"] == request)
        .filter_map(|event| event["target"].as_str())
        .collect();
    parts.dedup();
    for part in [
        "server::role_im",
        "server::role_gateway::core",
        "server::role_gateway::outside",
        "api::http",
    ] {
        assert!(parts.contains(&part), "{part} is missing in {parts:?}");
    }
    for word in ["xyzzy", "plugh"]
        .into_iter()
        .chain(secrets.iter().map(String::as_str))
    {
        let line = text.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "a body or a secret was logged");
    }
}
