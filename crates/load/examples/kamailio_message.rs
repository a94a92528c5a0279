//! What a relayed message costs in Kamailio: `cargo run --release -p load --example kamailio_message [SECONDS]`.

use std::time::Duration;

use anyhow::Result;
use load::kamailio::Kamailio;
use load::machine::{Cores, Meter, pin_this_thread};
use load::messages::{Crowd, Pace, User};

const DOMAIN: &str = "bench.example";

fn main() -> Result<()> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let cores = Cores::choose();
    pin_this_thread(cores.load)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let directory = std::env::temp_dir().join(format!("kamailio-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let kamailio = Kamailio::start(&directory, DOMAIN, cores.server).await?;
        let users: Vec<User> = (0..100)
            .map(|n| User {
                name: format!("user{n:03}"),
                password: None,
            })
            .collect();
        let mut crowd = Crowd::register(kamailio.addr, DOMAIN, &users)?;
        for pace in [Pace::Rate(5_000), Pace::Window(400)] {
            let meter = Meter::start(&kamailio.server)?;
            let counts = crowd.send(pace, Duration::from_secs(seconds))?;
            let used = meter.stop(&kamailio.server)?;
            println!(
                "{pace:?}: {} delivered in {:?}, CPU {:?}, stolen {:?}, faults {:?}",
                counts.delivered,
                counts.wall,
                used.cpu,
                used.stolen,
                counts.faults()
            );
        }
        print!(
            "{}",
            std::fs::read_to_string(directory.join("log"))?
                .lines()
                .take(5)
                .collect::<Vec<_>>()
                .join("\n")
        );
        kamailio.server.stop().await?;
        std::fs::remove_dir_all(&directory)?;
        Ok(())
    })
}
