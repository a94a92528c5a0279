//! The allocator beside all other parts: it is reached as they are, and says in words what is missing.

use api::TelephoneView;
use server::{Server, config};

use crate::bench::*;
use crate::gateway::answer;

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process_with_the_rest_it_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let roles = "[server]\nroles = [\"im\", \"gateway\", \"conference\", \"allocator\"]";
    let home = "[dialplan]\nhome_country = \"1\"\n";
    let text = config_text(home).replace("[server]", roles);
    let config = config::parse(&text, directory.path()).unwrap();
    let mut bench = Bench::of(Server::start(config).await.unwrap(), directory);
    let mut alice = registered(bench.peer("alice").await).await;
    bench.identity("bob").await;
    for (user, number) in [("alice", "+15550101"), ("bob", "+15550102")] {
        let accounts = &bench.server.accounts;
        let telephone = TelephoneView {
            label: "mobile".into(),
            number: number.into(),
            ..TelephoneView::default()
        };
        let aor = accounts.aor(user).unwrap();
        let saved = accounts.save_telephones(&aor, vec![telephone]).await;
        saved.unwrap();
    }
    let (help, refusal) = block(move || {
        // Until it has registered, it is absent.
        while say(&mut alice, "video", "hilfe") == Some(480) {}
        let help = answer(&mut alice);
        // The service for modes may come a moment later; then that is what is missing.
        let refusal = loop {
            assert_eq!(say(&mut alice, "video", "video bob"), Some(202));
            let said = answer(&mut alice);
            if !said.contains("who knows how to reach people") {
                break said;
            }
        };
        (help, refusal)
    })
    .await;
    assert!(help.contains("videokonferenz bob"), "{help}");
    assert!(
        refusal.contains("no video server is configured"),
        "{refusal}"
    );
    bench.stop().await;
}

/// Its devices would stay valid, and could do whatever the service can.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_has_the_name_of_a_service_keeps_the_server_from_starting() {
    for user in ["video", "modes", "focus", "conference"] {
        let directory = tempfile::tempdir().unwrap();
        let parse = |text: &str| config::parse(&config_text(text), directory.path()).unwrap();
        let others = "[gateway]\nuser = \"a\"\n[allocator]\nuser = \"b\"\n";
        let names = "conferences = \"c\"\nmodes = \"d\"\n";
        let text = config_text(others).replace("[im]", &format!("[im]\n{names}"));
        let first = config::parse(&text, directory.path()).unwrap();
        let server = Server::start(first).await.unwrap();
        let aor = server.accounts.aor(user).unwrap();
        let person = store::AccountKind::Person;
        server.accounts.save(&aor, "Vidia", person).await.unwrap();
        server.shutdown().await;
        let refused = Server::start(parse("")).await.err().unwrap().to_string();
        assert!(
            refused.contains(&format!("{aor} is a person's (Vidia)")),
            "{refused}"
        );
    }
}
