//! One conference of ours with telephones of the load in it.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use convoke_types::ConferenceId;
use load::machine::{Cores, Meter, Used};
use load::media::{Config, Phones, Window};
use load::trunk::{Manner, News, Trunk};
use soap_proto::{Answer, Create, Operation, Party, Who};

use super::ours::{HOST, Ours, PREFIX, number};

/// People named in one command.
const PARTIES_MAX: usize = 400;
/// How long nothing may happen while telephones are called.
const QUIET_MAX: Duration = Duration::from_secs(20);

/// The running conference.
pub struct Conference {
    /// The server.
    pub ours: Ours,
    /// The telephones.
    pub phones: Phones,
    trunk: Trunk,
    id: ConferenceId,
    /// Telephones in the call, oldest first; and the next that was never used.
    inside: Vec<usize>,
    next: usize,
}

impl Conference {
    /// Starts the server and the load, and calls `legs` telephones into a conference. There are sockets for those in `phones`.
    pub async fn start(cores: Cores, phones: Config, legs: usize) -> Result<Self> {
        let phones = Phones::start(phones)?;
        let sockets = (0..phones.len())
            .filter_map(|leg| phones.local(leg))
            .collect();
        let trunk = Trunk::start(Manner::Answer {
            prefix: PREFIX.to_owned(),
            sockets,
        })
        .await?;
        let ours = Ours::start(cores, Some(trunk.addr())).await?;
        let create = Create {
            title: Some("bench".to_owned()),
            initiator: Party::of(Who::Person(HOST.to_owned())),
            participants: vec![],
            policy: None,
            payer: None,
            account: None,
            conference: None,
            owner: None,
            video: None,
        };
        let id = match ours.command(Operation::Create(create)).await? {
            Answer::Done { conference, .. } => conference.id,
            other => bail!("the server answered create with {}", other.operation()),
        };
        let mut conference = Self {
            ours,
            phones,
            trunk,
            id,
            inside: Vec::new(),
            next: 1,
        };
        conference.connect(1).await?;
        conference.grow(legs).await?;
        Ok(conference)
    }

    /// Calls more telephones, until `legs` are in.
    pub async fn grow(&mut self, legs: usize) -> Result<()> {
        while self.inside.len() < legs {
            let count = (legs - self.inside.len()).min(PARTIES_MAX);
            ensure!(
                self.next + count <= self.phones.len(),
                "there are no more telephones"
            );
            let numbers = (self.next..self.next + count).map(|n| Party::of(Who::Number(number(n))));
            let conference = self.id.clone();
            let participants = numbers.collect();
            self.ours
                .command(Operation::Add {
                    conference,
                    participants,
                })
                .await?;
            self.next += count;
            self.connect(count).await?;
        }
        Ok(())
    }

    /// Hangs up the newest telephones, until `legs` are in.
    pub async fn shrink(&mut self, legs: usize) -> Result<()> {
        let leaving = self.inside.split_off(legs.min(self.inside.len()));
        for telephone in &leaving {
            self.phones.disconnect(*telephone);
            self.trunk.hang_up(*telephone).await?;
        }
        let mut left = leaving.len();
        while left > 0 {
            if let News::Ended { .. } = self.trunk.next(QUIET_MAX).await? {
                left -= 1;
            }
        }
        Ok(())
    }

    /// Counts packets and processor time for a while.
    pub async fn window(&self, warm_up: Duration, length: Duration) -> Result<(Window, Used)> {
        let server = &self.ours.server;
        self.phones
            .window(
                warm_up,
                length,
                || Meter::start(server),
                |meter| meter.stop(server),
            )
            .await
    }

    /// Ends server and trunk.
    pub async fn stop(self) -> Result<()> {
        drop(self.phones);
        // A conference of thousands takes longer to hang up than a benchmark wants to wait: the server is killed.
        drop(self.ours);
        self.trunk.stop().await;
        Ok(())
    }

    async fn connect(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            match self.trunk.next(QUIET_MAX).await? {
                News::Connected {
                    telephone, remote, ..
                } => {
                    self.phones.connect(telephone, remote)?;
                    self.inside.push(telephone);
                    left -= 1;
                }
                News::Ended { .. } => bail!(
                    "the server hung up a telephone while {} were in and {left} were called",
                    self.inside.len()
                ),
                News::Invited { .. } => {}
            }
        }
        Ok(())
    }
}
