//! What one telephone leg costs the media thread a second: `leg_cost [LEGS [LEGS_PER_CONFERENCE [SECONDS]]]`.
//!
//! The engine's one thread is pinned to the last core; this program sends and receives on the first. In each
//! conference three legs talk. For profiles and quick comparisons; `convoke bench` measures against peers.

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use convoke_types::LegKey;
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams};
use media::{Config, Engine, Events};
use media_core::rtp::RtpSender;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The 20 ms are cut into this many parts, so that packets come spread.
const PARTS: usize = 20;
const PART_NS: i64 = 1_000_000;
const WARM_UP_SECONDS: usize = 3;

struct Phone {
    socket: UdpSocket,
    sender: RtpSender,
    talks: bool,
    heard: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (legs, size, seconds) = (next(400)?, next(400)?, next(10)?);
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )?;

    let (engine, mut events) = Engine::start(&Config {
        threads: 1,
        ..Config::default()
    })?;
    let mut core = CpuSet::new();
    core.set(0);
    sched_setaffinity(None, &core)?;

    let mut phones = Vec::new();
    for i in 0..legs {
        phones.push(dial(&engine, &mut events, i / size, i, i % size < 3)?);
    }
    run(&mut phones, &mut events, WARM_UP_SECONDS)?;
    let (cpu, heard) = (
        media_thread_ns()?,
        phones.iter().map(|p| p.heard).sum::<u64>(),
    );
    run(&mut phones, &mut events, seconds)?;
    let cpu = media_thread_ns()? - cpu;
    let heard = phones.iter().map(|p| p.heard).sum::<u64>() - heard;
    let leg_seconds = (legs * seconds) as u64;
    println!(
        "the system's share alone (a send and a receive): {} µs",
        floor_us()?
    );
    println!(
        "{legs} legs, {size} a conference: {} µs a leg-second, {:.2} packets a leg-second, {:?}",
        cpu / 1_000 / leg_seconds,
        heard as f64 / leg_seconds as f64,
        engine.counters()
    );
    Ok(())
}

fn dial(
    engine: &Engine,
    events: &mut Events,
    conference: usize,
    leg: usize,
    talks: bool,
) -> Result<Phone, Box<dyn Error>> {
    let key = LegKey {
        conference: format!("c{conference}").parse()?,
        leg: format!("l{leg}").parse()?,
    };
    engine.command(MediaCommand::Open { leg: key.clone() })?;
    let local: SocketAddr = loop {
        match events.wait(Duration::from_secs(5)) {
            Some(MediaEvent::Opened { local, .. }) => break local,
            Some(_) => {}
            None => return Err("no port".into()),
        }
    };
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(local)?;
    socket.set_nonblocking(true)?;
    let params = StreamParams {
        remote: socket.local_addr()?,
        codec: Codec::Pcma,
        payload_type: 8,
        dtmf_payload_type: Some(101),
        ptime_ms: 20,
        send: true,
        receive: true,
    };
    engine.command(MediaCommand::Connect {
        leg: key.clone(),
        params,
    })?;
    engine.command(MediaCommand::Join { leg: key })?;
    let sender = RtpSender::new(u32::try_from(leg)?, 0, 0);
    Ok(Phone {
        socket,
        sender,
        talks,
        heard: 0,
    })
}

fn run(phones: &mut [Phone], events: &mut Events, seconds: usize) -> Result<(), Box<dyn Error>> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::empty())?;
    let step = Timespec {
        tv_sec: 0,
        tv_nsec: PART_NS,
    };
    let every = Itimerspec {
        it_interval: step,
        it_value: step,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    let mut speech = [0_u8; 160];
    let mut state = 1_u32;
    let mut due = 0;
    for part in 0..seconds * 50 * PARTS {
        if due == 0 {
            let mut count = [0; 8];
            rustix::io::read(&timer, &mut count)?;
            due = u64::from_ne_bytes(count);
        }
        due -= 1;
        for code in &mut speech {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *code = (state >> 24) as u8 | 0x10;
        }
        for phone in phones.iter_mut().skip(part % PARTS).step_by(PARTS) {
            let mut packet = [0xD5; 172];
            packet[..12].copy_from_slice(&phone.sender.next_header(8, 160));
            if phone.talks {
                packet[12..].copy_from_slice(&speech);
            }
            phone.socket.send(&packet)?;
            if phone.socket.recv(&mut packet).is_ok() {
                phone.heard += 1;
            }
            if part % 8 == 0 && phone.socket.recv(&mut packet).is_ok() {
                phone.heard += 1;
            }
        }
        while events.try_next().is_some() {}
    }
    Ok(())
}

/// Microseconds for 50 sends and 50 receives of one packet each, on this program's core.
fn floor_us() -> Result<u64, Box<dyn Error>> {
    let ours = UdpSocket::bind("127.0.0.1:0")?;
    let theirs = UdpSocket::bind("127.0.0.1:0")?;
    ours.connect(theirs.local_addr()?)?;
    theirs.connect(ours.local_addr()?)?;
    let mut packet = [0; 172];
    let (mut spent, rounds) = (0, 400);
    for _ in 0..rounds {
        let begin = thread_ns("/proc/thread-self")?;
        for _ in 0..50 {
            ours.send(&packet)?;
            theirs.recv(&mut packet)?;
        }
        spent += thread_ns("/proc/thread-self")? - begin;
    }
    Ok(spent / 1_000 / rounds)
}

fn thread_ns(task: &str) -> Result<u64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("{task}/schedstat"))?;
    Ok(stat.split(' ').next().unwrap_or("0").parse()?)
}

/// Time that the media thread has run, by the scheduler.
fn media_thread_ns() -> Result<u64, Box<dyn Error>> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.starts_with("media-") {
            let stat = fs::read_to_string(task.join("schedstat"))?;
            return Ok(stat.split(' ').next().unwrap_or("0").parse()?);
        }
    }
    Err("no media thread".into())
}
