//! P6a: what a relayed message costs. Ours comes from a connection that registered with a digest, is on the disk before it is
//! acknowledged, and is looked for there after the server was killed; Kamailio asks for no password and writes nothing.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use load::kamailio::{self, Kamailio};
use load::machine::{Meter, Server, Used};
use load::messages::{Counts, Crowd, Pace, User, number_in};
use load::report::{OURS, Run, delays_ms, rounded};
use serde_json::{Value, json};
use store::Store;

use super::Series;
use super::ours::{self, DOMAIN, Ours};

/// Half of them write, the other half read.
const USERS: usize = 100;
/// A second, for both servers alike: a part of what either can do.
const RATE: u32 = 5_000;
const RATE_LENGTH: Duration = Duration::from_secs(8);
/// Messages under way at full load.
const WINDOW: usize = 400;
const FULL_LENGTH: Duration = Duration::from_secs(8);
const WARM_UP: Duration = Duration::from_secs(1);

/// P6a: its value is the cost at full load, where either server batches as well as it can; that at an even rate stands beside.
pub async fn measure(series: &mut Series<'_>) -> Result<()> {
    let peer = kamailio::is_installed().then_some(kamailio::NAME);
    while series.goes_on(peer) {
        if peer.is_some() {
            let directory = ours::scratch()?;
            let kamailio = Kamailio::start(directory.path(), DOMAIN, series.cores.server).await?;
            let load = Load::run(&kamailio.server, kamailio.addr, &users(None))?;
            series.add(load.into_run(kamailio::NAME, &[], &Value::Null))?;
        }
        let ours = Ours::start(series.cores, None).await?;
        let mut passwords = Vec::new();
        for user in users(None) {
            passwords.push(ours.person(&user.name).await?);
        }
        let load = Load::run(&ours.server, ours.tcp()?, &users(Some(&passwords)))?;
        let (missing, logged) = missing_after_kill(ours, &load.acknowledged()).await?;
        let mut faults = Vec::new();
        if missing > 0 {
            faults.push(format!(
                "{missing} acknowledged messages are not in the log after SIGKILL"
            ));
        }
        series.add(load.into_run(OURS, &faults, &json!({ "logged": logged })))?;
    }
    Ok(())
}

fn users(passwords: Option<&[String]>) -> Vec<User> {
    let user = |n: usize| User {
        name: format!("user{n:03}"),
        password: passwords.and_then(|passwords| passwords.get(n).cloned()),
    };
    (0..USERS).map(user).collect()
}

/// What one server did.
struct Load {
    warm_up: Counts,
    rate: (Counts, Used),
    full: (Counts, Used),
}

impl Load {
    fn run(server: &Server, addr: SocketAddr, users: &[User]) -> Result<Self> {
        let mut crowd = Crowd::register(addr, DOMAIN, users)?;
        let warm_up = crowd.send(Pace::Rate(RATE), WARM_UP)?;
        let mut metered = |pace, length| -> Result<(Counts, Used)> {
            let meter = Meter::start(server)?;
            let counts = crowd.send(pace, length)?;
            Ok((counts, meter.stop(server)?))
        };
        Ok(Self {
            warm_up,
            rate: metered(Pace::Rate(RATE), RATE_LENGTH)?,
            full: metered(Pace::Window(WINDOW), FULL_LENGTH)?,
        })
    }

    fn acknowledged(&self) -> HashSet<u64> {
        let runs = [&self.warm_up, &self.rate.0, &self.full.0];
        runs.into_iter()
            .flat_map(|counts| counts.acknowledged_numbers.iter().copied())
            .collect()
    }

    fn into_run(self, who: &'static str, more: &[String], extra: &Value) -> Run {
        let mut faults = more.to_vec();
        for (pace, counts) in [("even rate", &self.rate.0), ("full load", &self.full.0)] {
            faults.extend(
                counts
                    .faults()
                    .into_iter()
                    .map(|fault| format!("{pace}: {fault}")),
            );
        }
        let mut details = json!({ "even": part(&self.rate), "full": part(&self.full) });
        if let (Some(details), Some(extra)) = (details.as_object_mut(), extra.as_object()) {
            details.extend(extra.clone());
        }
        Run::new(who, cost_us(&self.full), &faults, details)
    }
}

fn cost_us((counts, used): &(Counts, Used)) -> f64 {
    rounded(used.cpu.as_secs_f64() * 1e6 / number(counts.delivered).max(1.0))
}

fn part(measured: &(Counts, Used)) -> Value {
    let (counts, used) = measured;
    json!({
        "cpu_us": cost_us(measured), "per_second": rounded(number(counts.delivered) / counts.wall.as_secs_f64()),
        "sent": counts.sent, "acknowledged": counts.acknowledged, "delivered": counts.delivered,
        "repeated": counts.repeated, "refused": counts.refused, "delivery_ms": delays_ms(&counts.delivery_us),
        "cpu_ms": used.cpu.as_secs_f64() * 1e3, "wall_ms": used.wall.as_secs_f64() * 1e3,
        "steal_ms": used.stolen.as_secs_f64() * 1e3,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of messages lie far below 2^52"
)]
fn number(count: u64) -> f64 {
    count as f64
}

/// Kills the server, opens its store, and counts acknowledged messages that are not there; and how many are.
async fn missing_after_kill(ours: Ours, acknowledged: &HashSet<u64>) -> Result<(usize, usize)> {
    let data = ours.data();
    let Ours {
        server, directory, ..
    } = ours;
    drop(server);
    let store = Store::open(&data)?;
    let mut missing = acknowledged.clone();
    let (mut after, mut logged) = (None, 0);
    loop {
        let page = store.log_from(after, store::PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        logged += page.len();
        for message in &page {
            if let Ok(number) = number_in(&message.logged.body) {
                missing.remove(&number);
            }
        }
    }
    store.close();
    drop(directory);
    Ok((missing.len(), logged))
}
