//! What a leg costs in Janus: `cargo run --release -p load --example janus_leg [LEGS [SECONDS]]`.

use std::time::Duration;

use anyhow::Result;
use load::janus::Janus;
use load::machine::{Cores, Meter, pin_this_thread};
use load::media::{Config, Phones};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let legs: usize = arguments.next().map_or(Ok(400), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let cores = Cores::choose();
    pin_this_thread(cores.load)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let directory = std::env::temp_dir().join(format!("janus-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let phones = Phones::start(Config {
            legs,
            talkers: 3,
            prompt: false,
            core: cores.load,
        })?;
        let mut janus = Janus::start(&directory, cores.server).await?;
        let locals: Vec<_> = (0..legs).filter_map(|leg| phones.local(leg)).collect();
        let remotes = janus.join(&locals)?;
        for (leg, remote) in remotes.iter().enumerate() {
            phones.connect(leg, *remote)?;
        }
        janus.drain()?;
        let (window, used) = phones
            .window(
                Duration::from_secs(3),
                Duration::from_secs(seconds),
                || Meter::start(&janus.server),
                |meter| meter.stop(&janus.server),
            )
            .await?;
        let cost = used.cpu.as_secs_f64() * 1e6 / window.leg_seconds();
        println!(
            "{cost:.0} µs a leg-second; {used:?}; {window:?}; faults {:?}",
            window.faults(legs, 0.9999)
        );
        janus.server.stop().await?;
        std::fs::remove_dir_all(&directory)?;
        Ok(())
    })
}
