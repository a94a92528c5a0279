//! Conferences of the media bridge alone, with browsers of the load in them.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use convoke_types::LegKey;
use convoke_types::media::MediaCommand;
use load::bridge::Bridge;
use load::machine::{Cores, Meter, Used};
use load::media::Window;
use load::web::{Browsers, Manner};

/// Browsers that are let in before it is waited for them to connect.
const AT_A_TIME: usize = 60;

/// How browsers are seated.
#[derive(Debug, Clone, Copy)]
pub enum Seating {
    /// In threes, of whom the first talks.
    Threes,
    /// All in one conference, in which the first talks.
    One,
}

/// The bridge, and who is in.
pub struct Crowd {
    bridge: Bridge,
    browsers: Browsers,
    seating: Seating,
    /// Numbers of the browsers, by leg; the newest last.
    inside: Vec<(usize, LegKey)>,
}

impl Crowd {
    /// Starts bridge and load, and lets so many in.
    pub async fn start(cores: Cores, seating: Seating, legs: usize) -> Result<Self> {
        runtime::files::raise_open_files_limit();
        let program = Command::new(std::env::current_exe()?);
        let mut crowd = Self {
            bridge: Bridge::start(program, cores.server)?,
            browsers: Browsers::start(cores.load)?,
            seating,
            inside: Vec::new(),
        };
        crowd.move_to(legs).await?;
        Ok(crowd)
    }

    /// Lets more in, or the newest out, until `legs` are in.
    pub async fn move_to(&mut self, legs: usize) -> Result<()> {
        while self.inside.len() > legs {
            if let Some((number, leg)) = self.inside.pop() {
                self.browsers.hang_up(number)?;
                self.bridge.command(&MediaCommand::Close { leg })?;
                self.bridge.drain();
            }
        }
        while self.inside.len() < legs {
            let end = (self.inside.len() + AT_A_TIME).min(legs);
            while self.inside.len() < end {
                self.seat().await?;
            }
            self.browsers.connected(self.inside.len()).await?;
        }
        self.bridge.drain();
        Ok(())
    }

    async fn seat(&mut self) -> Result<()> {
        let place = self.inside.len();
        let (conference, talks) = match self.seating {
            Seating::Threes => (place / 3, place.is_multiple_of(3)),
            Seating::One => (0, place == 0),
        };
        let manner = if talks {
            Manner::Talks
        } else {
            Manner::Listens
        };
        let (number, offer) = self.browsers.offer(manner)?;
        let leg = LegKey {
            conference: format!("c{conference}").parse()?,
            leg: format!("l{number}").parse()?,
        };
        let answer = self.bridge.open_web(&leg, offer).await?;
        self.browsers.answered(number, &answer)?;
        self.bridge
            .command(&MediaCommand::Join { leg: leg.clone() })?;
        self.inside.push((number, leg));
        Ok(())
    }

    /// Counts packets and processor time for a while.
    pub async fn window(&mut self, warm_up: Duration, length: Duration) -> Result<(Window, Used)> {
        let server = &self.bridge.server;
        let counted = self.browsers.window(
            warm_up,
            length,
            || Meter::start(server),
            |meter| meter.stop(server),
        );
        let counted = counted.await?;
        self.bridge.drain();
        Ok(counted)
    }
}
