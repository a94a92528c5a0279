//! The machine: cores, pinned processes, processor time of a server, and time that the hypervisor took away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runtime::clock;
use rustix::process::{Pid, Signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// Linux's USER_HZ, the unit of times in /proc: part of its interface, whatever the kernel's own clock.
const CLOCK_TICKS_PER_SECOND: u64 = 100;
/// How long a server may take to end after SIGTERM.
const END_MAX: Duration = Duration::from_secs(20);
/// How often it is looked whether it has.
const END_POLL: Duration = Duration::from_millis(20);

/// Which core does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// For the server that is measured.
    pub server: usize,
    /// For the load.
    pub load: usize,
    /// How many this process may use.
    pub count: usize,
}

impl Cores {
    /// The last core that this process may use for servers, the first for the load; the same where there is but one.
    pub fn choose() -> Self {
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let count = cores.clone().count();
        let load = cores.next().unwrap_or(0);
        Self {
            server: cores.next_back().unwrap_or(load),
            load,
            count,
        }
    }

    /// Whether server and load disturb each other.
    pub fn are_shared(self) -> bool {
        self.server == self.load
    }
}

/// Keeps the calling thread, and what it starts from now on, on one core.
///
/// # Errors
/// What the system said.
pub fn pin_this_thread(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A server of a benchmark: killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a program that stays on one core with all its threads and children.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, core: usize) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        // Some servers have processes that outlive their first one; as a group they end together.
        command.process_group(0);
        // A child inherits the cores of the thread that starts it.
        let starter = std::thread::spawn(move || {
            pin_this_thread(core)?;
            command.spawn()
        });
        let child = starter
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that starts {program} panicked"))?
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child })
    }

    /// Its standard input and output, if they are pipes; once.
    pub fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.child.stdin.take()?, self.child.stdout.take()?))
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// The processor time that it and its children have used.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<CpuTime> {
        CpuTime::of(self.child.id())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits; kills it when it does not.
    ///
    /// # Errors
    /// When it had to be killed.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.pid() {
            // A server that has ended already needs no signal.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let begin = clock::now();
        while clock::now() - begin < END_MAX {
            if !self.is_running() {
                return Ok(());
            }
            clock::sleep(END_POLL).await;
        }
        anyhow::bail!("a server did not end within {END_MAX:?} of SIGTERM and was killed")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // They may have ended; then there is nothing to kill, and waiting collects the first.
        if let Some(group) = self.pid() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Processor time of a process and its children, user and system, thread by thread in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct CpuTime {
    threads: BTreeMap<u32, u64>,
    /// The same in clock ticks by process, which has ended threads in it.
    ticks: u64,
    processes: BTreeSet<u32>,
}

impl CpuTime {
    fn of(root: u32) -> Result<Self> {
        let mut time = Self::default();
        for pid in family(root)? {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            let Ok(stat) = stat else { continue };
            time.processes.insert(pid);
            time.ticks += stat_ticks(&stat).context("/proc/PID/stat has no times")?;
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
                continue;
            };
            for task in tasks.flatten() {
                let schedstat = fs::read_to_string(task.path().join("schedstat"));
                let id = task.file_name().to_string_lossy().parse::<u32>();
                if let (Ok(text), Ok(id)) = (schedstat, id) {
                    let first = text.split_ascii_whitespace().next();
                    let run = first.and_then(|ns| ns.parse().ok()).unwrap_or(0);
                    time.threads.insert(id, run);
                }
            }
        }
        ensure!(!time.processes.is_empty(), "the server has ended");
        Ok(time)
    }

    /// What was used since an earlier reading. Nanoseconds by thread, unless threads have ended meanwhile and took their
    /// time with them: then the process's clock ticks.
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |id: &u32| earlier.threads.get(id).copied().unwrap_or(0);
        let by_thread: u64 = self
            .threads
            .iter()
            .map(|(id, ns)| ns.saturating_sub(before(id)))
            .sum();
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        let by_process = ticks * 1_000_000_000 / CLOCK_TICKS_PER_SECOND;
        let gone = earlier
            .threads
            .keys()
            .any(|id| !self.threads.contains_key(id));
        Duration::from_nanos(if gone {
            by_process.max(by_thread)
        } else {
            by_thread
        })
    }
}

/// The process and all that descend from it.
fn family(root: u32) -> Result<BTreeSet<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = after_name(&stat)
            .nth(1)
            .and_then(|field| field.parse().ok())
        {
            parents.push((pid, parent));
        }
    }
    let mut family = BTreeSet::from([root]);
    loop {
        let children = parents
            .iter()
            .filter(|(pid, parent)| family.contains(parent) && !family.contains(pid));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            return Ok(family);
        }
        family.extend(children);
    }
}

/// The fields of /proc/PID/stat after the name, which may hold spaces: the state is the first.
fn after_name(stat: &str) -> impl Iterator<Item = &str> {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_ascii_whitespace()
}

/// utime and stime (proc(5), fields 14 and 15; the state is field 3).
fn stat_ticks(stat: &str) -> Option<u64> {
    let mut fields = after_name(stat).skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Time stolen by the hypervisor from all cores since the start of the machine.
pub fn stolen() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let steal = line.split_ascii_whitespace().nth(8);
    let ticks: u64 = steal.and_then(|field| field.parse().ok()).unwrap_or(0);
    Duration::from_millis(ticks * 1_000 / CLOCK_TICKS_PER_SECOND)
}

/// Fills in what was used between two moments.
#[derive(Debug)]
pub struct Meter {
    cpu: CpuTime,
    stolen: Duration,
    at: Instant,
}

/// What a server used.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Processor time of the server, user and system.
    pub cpu: Duration,
    /// By the clock.
    pub wall: Duration,
    /// Stolen from the machine meanwhile.
    pub stolen: Duration,
}

impl Meter {
    /// Begins to count.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn start(server: &Server) -> Result<Self> {
        Ok(Self {
            cpu: server.cpu()?,
            stolen: stolen(),
            at: clock::now(),
        })
    }

    /// What was used since.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn stop(self, server: &Server) -> Result<Used> {
        Ok(Used {
            cpu: server.cpu()?.since(&self.cpu),
            wall: clock::now() - self.at,
            stolen: stolen().saturating_sub(self.stolen),
        })
    }
}

/// What the numbers were measured on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Kernel release.
    pub kernel: String,
    /// Memory in MB.
    pub memory_mb: u64,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = value(&meminfo, "MemTotal").unwrap_or_default();
        let kb = memory.split(' ').next().and_then(|kb| kb.parse().ok());
        Self {
            processor: value(&cpuinfo, "model name").unwrap_or_default(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            memory_mb: kb.unwrap_or(0_u64) / 1_024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_stand_after_a_name_with_spaces_and_brackets() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 0 0";
        assert_eq!(stat_ticks(stat), Some(300));
        assert_eq!(after_name(stat).nth(1), Some("1"));
    }

    #[test]
    fn time_that_ended_threads_took_along_is_counted_by_the_process() {
        let reading = |threads: &[(u32, u64)], ticks| CpuTime {
            threads: threads.iter().copied().collect(),
            ticks,
            processes: BTreeSet::from([1]),
        };
        let before = reading(&[(1, 10), (2, 20)], 0);
        let same = reading(&[(1, 15), (2, 30), (3, 5)], 1);
        assert_eq!(same.since(&before), Duration::from_nanos(20));
        let less = reading(&[(1, 15)], 2);
        let tick = 1_000_000_000 / CLOCK_TICKS_PER_SECOND;
        assert_eq!(less.since(&before), Duration::from_nanos(2 * tick));
    }
}
