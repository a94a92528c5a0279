//! P8: from the 200 of a telephone to the event in the client library, while 200 conferences are busy.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use convoke_types::{ConferenceId, ParticipantId};
use load::follower::Follower;
use load::media::{Config, Phones};
use load::report::{OURS, Run, delays_ms, ms_of_us, quantile};
use load::trunk::{Manner, News, Trunk};
use runtime::clock;
use serde_json::json;
use soap_proto::{Answer, Create, Operation, Party, Who};

use super::Series;
use super::ours::{HOST, Ours, PREFIX, number};

/// Conferences in which an owner and somebody else talk; the first one is followed.
const CONFERENCES: usize = 200;
/// Telephones in them: those of conference *n* are 2 *n* and 2 *n* + 1.
const BUSY: usize = 2 * CONFERENCES;
/// Telephones that come into the first conference, in turn.
const COMERS: usize = 8;
/// Events of one run, and those before them that do not count.
const EVENTS: usize = 250;
const WARM_UP: usize = 20;
/// How long nothing may happen.
const QUIET_MAX: Duration = Duration::from_secs(10);
/// What the follower signs in with.
const PASSWORD: &str = "measured daily";

/// P8: its value is the 99th percentile of each run.
pub async fn measure(series: &mut Series<'_>) -> Result<()> {
    while series.goes_on(None) {
        let run = run(series).await?;
        series.add(run)?;
    }
    Ok(())
}

async fn run(series: &Series<'_>) -> Result<Run> {
    let mut busy = Busy::start(series).await?;
    let server = busy.ours.http()?;
    let host = busy.ours.site.aor(HOST)?;
    busy.ours.site.set_password(&host, Some(PASSWORD)).await?;
    let mut follower = Follower::start(
        [&server, HOST, PASSWORD, busy.followed.as_str()],
        series.cores.load,
    )
    .await?;
    let stolen = load::machine::stolen();
    let mut delays_us = Vec::new();
    for n in 0..WARM_UP + EVENTS {
        let delay = busy.come_and_go(BUSY + n % COMERS, &mut follower).await;
        let delay = delay.with_context(|| format!("event {n}"))?;
        if n >= WARM_UP {
            delays_us.push(u64::try_from(delay.as_micros())?);
        }
    }
    let stolen = load::machine::stolen().saturating_sub(stolen);
    let connected = busy.phones.connected();
    drop(busy.phones);
    drop(busy.ours);
    busy.trunk.stop().await;
    let mut faults = Vec::new();
    if connected != BUSY {
        faults.push(format!(
            "{connected} telephones were in at the end, not {BUSY}"
        ));
    }
    delays_us.sort_unstable();
    let p99 = quantile(&delays_us, 0.99).map_or(0.0, ms_of_us);
    let details = json!({
        "delays_ms": delays_ms(&delays_us), "conferences": CONFERENCES, "telephones": connected,
        "steal_ms": stolen.as_secs_f64() * 1e3,
    });
    Ok(Run::new(OURS, p99, &faults, details))
}

/// The server with its busy conferences.
struct Busy {
    ours: Ours,
    phones: Phones,
    trunk: Trunk,
    followed: ConferenceId,
}

impl Busy {
    async fn start(series: &Series<'_>) -> Result<Self> {
        let phones = Phones::start(Config {
            legs: BUSY + COMERS,
            talkers: BUSY,
            prompt: false,
            core: series.cores.load,
        })?;
        let sockets = (0..phones.len()).filter_map(|n| phones.local(n)).collect();
        let trunk = Trunk::start(Manner::Answer {
            prefix: PREFIX.to_owned(),
            sockets,
        })
        .await?;
        let ours = Ours::start(series.cores, Some(trunk.addr())).await?;
        let followed = create(&ours, None, 0).await?;
        let mut busy = Self {
            ours,
            phones,
            trunk,
            followed,
        };
        busy.take_calls(2).await?;
        for n in 1..CONFERENCES {
            let owner = format!("owner{n}");
            let token = busy.ours.owner(&owner, 2 * n).await?;
            create(&busy.ours, Some((&owner, &token)), n).await?;
            busy.take_calls(2).await?;
        }
        Ok(busy)
    }

    async fn take_calls(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.take_call().await?;
        }
        Ok(())
    }

    /// The next telephone answers; when it did.
    async fn take_call(&mut self) -> Result<std::time::Instant> {
        loop {
            match self.trunk.next(QUIET_MAX).await? {
                News::Invited { .. } => {}
                News::Ended { .. } => bail!("the server hung up a telephone"),
                News::Connected {
                    telephone,
                    remote,
                    answered,
                } => {
                    self.phones.connect(telephone, remote)?;
                    return Ok(answered);
                }
            }
        }
    }

    /// Somebody is added to the followed conference, seen, and removed; from their 200 to being seen.
    async fn come_and_go(&mut self, telephone: usize, follower: &mut Follower) -> Result<Duration> {
        let conference = self.followed.clone();
        let participants = vec![Party::of(Who::Number(number(telephone)))];
        let add = Operation::Add {
            conference: conference.clone(),
            participants,
        };
        self.ours.command(add).await?;
        let answered = self.take_call().await?;
        let joined = follower.joined(QUIET_MAX).await?;
        // Two clocks of one machine: what lies between them now lay between them then.
        let answered = clock::wall() - (clock::now() - answered);
        let delay = joined.at().duration_since(answered);
        let participant: ParticipantId = joined.participant.parse()?;
        let remove = Operation::Remove {
            conference,
            participant,
        };
        self.ours.command(remove).await?;
        while !matches!(self.trunk.next(QUIET_MAX).await?, News::Ended { .. }) {}
        self.phones.disconnect(telephone);
        delay.context("it was seen before it happened: the clock was set")
    }
}

/// Makes conference *n*, of the host or of somebody else with a token.
async fn create(ours: &Ours, owner: Option<(&str, &str)>, n: usize) -> Result<ConferenceId> {
    let create = Operation::Create(Create {
        title: Some(format!("busy {n}")),
        initiator: Party::of(Who::Person(owner.map_or(HOST, |(name, _)| name).to_owned())),
        participants: vec![Party::of(Who::Number(number(2 * n + 1)))],
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    });
    let answer = match owner {
        None => ours.command(create).await?,
        Some((_, token)) => ours.command_as(token, create).await?,
    };
    match answer {
        Answer::Done { conference, .. } => Ok(conference.id),
        other => bail!("the server answered create with {}", other.operation()),
    }
}
