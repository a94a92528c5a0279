//! What moderators do over REST, and what people do with their hands: each command, what the conference says of everybody afterwards, and
//! what the bridge is told.

use convoke_types::LegKey;
use convoke_types::bridge::BridgeCommand;
use serde_json::{Value, json};

use crate::conferences::{hung_up, new};
use crate::site::Site;
use crate::stage::Stage;

/// A conference of alice's (p1) with bob (p2) and carol (p3), all of whom are in.
struct Running {
    site: Site,
    stage: Stage,
    alice: String,
    bob: String,
    carol: String,
    /// Where it is.
    at: String,
    /// In the order of the roster.
    legs: [LegKey; 3],
}

impl Running {
    async fn start() -> Self {
        let (site, mut stage) = Site::with_conferences().await;
        let alice = site.token("alice").await;
        let (bob, carol) = (site.token("bob").await, site.token("carol").await);
        let made = site
            .good(&alice, "POST /api/v1/conferences", new(&["bob", "carol"]))
            .await;
        let at = format!(
            "/api/v1/conferences/{}",
            made["conference"]["id"].as_str().unwrap()
        );
        let mut dialled = Vec::new();
        for _ in 0..3 {
            let (leg, number) = stage.next_dial().await;
            stage.join(&leg).await;
            dialled.push((number, leg));
        }
        dialled.sort_by(|one, other| one.0.cmp(&other.0));
        let legs: Vec<LegKey> = dialled.into_iter().map(|(_, leg)| leg).collect();
        let running = Self {
            site,
            stage,
            alice,
            bob,
            carol,
            at,
            legs: legs.try_into().unwrap(),
        };
        running.until(|people| all(people, "state", "joined")).await;
        running
    }

    /// A command that is carried out; gives its answer's people.
    async fn does(&self, token: &str, command: &str) -> Vec<Value> {
        let line = format!("POST {}/{command}", self.at);
        people(&self.site.good(token, &line, Value::Null).await)
    }

    /// A command that is not for them.
    async fn may_not(&self, token: &str, command: &str) {
        let line = format!("POST {}/{command}", self.at);
        let refused = self.site.refused(token, &line, Value::Null).await;
        assert_eq!(refused, (403, "not-allowed".to_owned()), "{command}");
    }

    /// What the conference says of its people, to carol, once it is so.
    async fn until(&self, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut version = 0;
        loop {
            let line = format!("GET {}?since={version}&waitMs=10000", self.at);
            let state = self.site.good(&self.carol, &line, Value::Null).await;
            let found = people(&state);
            if is(&found) {
                return found;
            }
            let next = state["conference"]["version"].as_u64().unwrap();
            assert!(next > version, "nothing more is told: {state}");
            version = next;
        }
    }

    /// What it says of them now.
    async fn says(&self) -> Vec<Value> {
        self.until(|_| true).await
    }

    /// What the bridge is told next that is not about calling.
    async fn told(&mut self) -> BridgeCommand {
        loop {
            match self.stage.dialled.recv().await.unwrap() {
                BridgeCommand::Announce { .. } => {}
                command => return command,
            }
        }
    }

    /// That somebody is muted, or not any more.
    async fn told_mute(&mut self, who: usize, on: bool) {
        let leg = self.legs[who].clone();
        assert_eq!(self.told().await, BridgeCommand::Mute { leg, on });
    }
}

fn people(state: &Value) -> Vec<Value> {
    let people = state["conference"]["participants"].as_array();
    people.unwrap_or_else(|| panic!("{state}")).clone()
}

fn all(people: &[Value], key: &str, value: &str) -> bool {
    people.iter().all(|one| one["leg"][key] == value)
}

/// One field of everybody.
fn field(people: &[Value], key: &str) -> Value {
    people.iter().map(|one| one[key].clone()).collect()
}

#[tokio::test]
async fn hands_queue_and_are_lowered_and_the_floor_is_given() {
    let mut running = Running::start().await;
    let (alice, bob, carol) = (
        running.alice.clone(),
        running.bob.clone(),
        running.carol.clone(),
    );
    let people = running.does(&bob, "participants/p2/raise-hand").await;
    assert_eq!(field(&people, "hand"), json!([null, 1, null]));
    running.does(&carol, "participants/p3/raise-hand").await;
    let people = running.says().await;
    assert_eq!(field(&people, "hand"), json!([null, 1, 2]));
    // Nobody raises another's hand, and only moderators lower one.
    running.may_not(&alice, "participants/p2/raise-hand").await;
    running.may_not(&carol, "participants/p2/lower-hand").await;
    running.does(&bob, "participants/p2/lower-hand").await;
    let people = running.says().await;
    assert_eq!(field(&people, "hand"), json!([null, null, 1]));
    running.does(&bob, "participants/p2/raise-hand").await;
    running.does(&alice, "participants/p2/lower-hand").await;
    let people = running.says().await;
    assert_eq!(field(&people, "hand"), json!([null, null, 1]));

    // Who was muted and gets the floor is heard, and asks no more.
    running.does(&alice, "participants/p3/mute").await;
    running.told_mute(2, true).await;
    running.may_not(&bob, "participants/p3/give-floor").await;
    running.does(&alice, "participants/p3/give-floor").await;
    running.told_mute(2, false).await;
    let people = running.says().await;
    assert_eq!(field(&people, "hand"), json!([null, null, null]));
    assert_eq!(field(&people, "muted"), json!([false, false, false]));
}

#[tokio::test]
async fn a_moderator_is_made_and_mutes_all_who_are_none() {
    let mut running = Running::start().await;
    let (alice, bob) = (running.alice.clone(), running.bob.clone());
    running.may_not(&bob, "mute-all").await;
    running
        .may_not(&bob, "participants/p2/make-moderator")
        .await;
    running.does(&alice, "participants/p2/make-moderator").await;
    let people = running.says().await;
    let roles = json!(["owner", "moderator", "participant"]);
    assert_eq!(field(&people, "role"), roles);

    running.does(&bob, "mute-all").await;
    running.told_mute(2, true).await;
    let people = running.says().await;
    assert_eq!(field(&people, "muted"), json!([false, false, true]));
    running.does(&bob, "unmute-all").await;
    running.told_mute(2, false).await;
    let people = running.says().await;
    assert_eq!(field(&people, "muted"), json!([false, false, false]));
}

#[tokio::test]
async fn all_others_are_disconnected_and_stay_on_the_roster() {
    let mut running = Running::start().await;
    let (alice, bob) = (running.alice.clone(), running.bob.clone());
    running.may_not(&bob, "disconnect-all").await;
    running.does(&alice, "disconnect-all").await;
    for who in [1, 2] {
        let leg = running.legs[who].clone();
        let release = BridgeCommand::Release { leg: leg.clone() };
        assert_eq!(running.told().await, release);
        running.stage.happen(&leg, hung_up()).await;
    }
    let states = |people: &[Value]| -> Value {
        let states = people.iter().map(|one| one["leg"]["state"].clone());
        states.collect()
    };
    let expected = json!(["joined", "left", "left"]);
    let people = running.until(|people| states(people) == expected).await;
    assert_eq!(field(&people, "id"), json!(["p1", "p2", "p3"]));
    for gone in &people[1..] {
        let cause = &gone["leg"]["cause"];
        assert_eq!(cause["reason"], "by-moderator", "{gone}");
    }
    assert!(running.stage.dialled.try_recv().is_err(), "alice stays");
}
