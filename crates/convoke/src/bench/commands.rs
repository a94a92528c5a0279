//! P9a: from the sending of a command by the client to the first INVITE on the trunk. The command is a SOAP envelope in a
//! MESSAGE; it goes through the IM server, the gateway, the conference service, and is durable before anybody is called.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use load::messages::{Client, User};
use load::report::{OURS, Run, delays_ms, ms_of_us, quantile};
use load::trunk::{Manner, News, Trunk};
use runtime::clock;
use serde_json::json;
use soap_proto::{Create, Expires, Operation, Party, Request, UtcMillis, Who, write_request};

use super::Series;
use super::ours::{DOMAIN, HOST, Ours, new_id};

/// Commands of one run, and those before them that do not count.
const COMMANDS: usize = 250;
const WARM_UP: usize = 20;
/// The service's account.
const SERVICE: &str = "conference";
const BUSY: u16 = 486;
/// A command without INVITE after this has failed.
const INVITE_MAX: Duration = Duration::from_secs(5);
const INSTANCE: &str = "urn:uuid:6d4f0c55-3a6e-4b8e-9d0a-5e1f9b6c7a01";
const GATEWAY_MAX: Duration = Duration::from_secs(10);

/// P9a: its value is the 99th percentile of each run.
pub async fn measure(series: &mut Series<'_>) -> Result<()> {
    while series.goes_on(None) {
        let run = run(series).await?;
        series.add(run)?;
    }
    Ok(())
}

async fn run(series: &Series<'_>) -> Result<Run> {
    // Every call is refused, so each conference is over as soon as it has begun.
    let mut trunk = Trunk::start(Manner::Refuse { status: BUSY }).await?;
    let ours = Ours::start(series.cores, Some(trunk.addr())).await?;
    let user = User {
        name: HOST.to_owned(),
        password: Some(ours.person(HOST).await?),
    };
    let mut client = Client::register(ours.tcp()?, DOMAIN, &user, INSTANCE)?;
    let stolen = load::machine::stolen();
    let mut delays_us = Vec::new();
    for n in 0..WARM_UP + COMMANDS {
        let delay = command(&mut client, &mut trunk).await;
        let delay = delay.with_context(|| format!("command {n}"))?;
        if n >= WARM_UP {
            delays_us.push(u64::try_from(delay.as_micros())?);
        }
    }
    let stolen = load::machine::stolen().saturating_sub(stolen);
    drop(ours);
    trunk.stop().await;
    delays_us.sort_unstable();
    let p99 = quantile(&delays_us, 0.99).map_or(0.0, ms_of_us);
    let details =
        json!({ "delays_ms": delays_ms(&delays_us), "steal_ms": stolen.as_secs_f64() * 1e3 });
    Ok(Run::new(OURS, p99, &[], details))
}

/// One `create`, until its telephone was called and the conference is over.
async fn command(client: &mut Client, trunk: &mut Trunk) -> Result<Duration> {
    let begin = clock::now();
    let sent = loop {
        let envelope = create(client.gruu())?;
        let sent = clock::now();
        client.command(SERVICE, &envelope)?;
        match invited(client, trunk).await? {
            Some(at) => break at - sent,
            // At the server's start the gateway may not be registered yet.
            None if clock::now() - begin < GATEWAY_MAX => {
                clock::sleep(Duration::from_millis(50)).await
            }
            None => bail!("the gateway is away"),
        }
    };
    loop {
        if let News::Ended { .. } = trunk.next(INVITE_MAX).await? {
            break;
        }
    }
    // Reports are on their way; they are taken before the next command, as a client does.
    clock::sleep(Duration::from_millis(10)).await;
    client.take()?;
    Ok(sent)
}

/// When the INVITE came; `None` if the command was refused by SIP.
async fn invited(client: &mut Client, trunk: &mut Trunk) -> Result<Option<std::time::Instant>> {
    let deadline = clock::now() + INVITE_MAX;
    while clock::now() < deadline {
        if let Ok(News::Invited { at }) = trunk.next(Duration::from_millis(20)).await {
            return Ok(Some(at));
        }
        for message in client.take()? {
            match message.status() {
                Some(480) => return Ok(None),
                Some(status) if status >= 300 => bail!("the command was answered {status}"),
                Some(_) => {}
                None => {
                    let response = soap_proto::parse_response(&message.body());
                    if let Ok(Err(fault)) = response.map(|response| response.outcome) {
                        bail!("the command was refused: {fault}");
                    }
                }
            }
        }
    }
    bail!("no INVITE within {INVITE_MAX:?}")
}

fn create(gruu: &str) -> Result<Vec<u8>> {
    let create = Create {
        title: None,
        initiator: Party::of(Who::Person(HOST.to_owned())),
        participants: vec![],
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    };
    let mut request = Request::new(Operation::Create(create), new_id()?);
    request.headers.reply_to = Some(gruu.to_owned());
    let now = u64::try_from(clock::unix_ms(clock::wall()))?;
    request.headers.expires = Some(Expires {
        sent: UtcMillis(now),
        seconds: Client::COMMAND_LIFE_S,
    });
    Ok(write_request(&request)?)
}
