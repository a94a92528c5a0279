//! Runs a program for a test: its lines are kept and can be waited for, and it ends with the test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use std::{fmt, thread};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::GIVE_UP;

/// Most lines kept of one program; later ones are counted only.
pub const LINES_MAX: usize = 100_000;
/// Longest line kept, in bytes; longer ones are cut into several.
pub const LINE_MAX_BYTES: u64 = 1024 * 1024;
/// How many lines of a program are shown when a wait for it fails.
const TAIL_LINES: usize = 40;

/// One line of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Written to standard output; otherwise to standard error.
    pub stdout: bool,
    /// Without its line end.
    pub text: String,
}

/// What a program did not do.
#[derive(Debug)]
pub struct Unmet {
    what: String,
    tail: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; it last said:\n{}", self.what, self.tail)
    }
}
impl std::error::Error for Unmet {}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    more_lines: usize,
    open_streams: u8,
    status: Option<ExitStatus>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// A running program, in a process group of its own. Dropping it ends the group: SIGTERM, and SIGKILL if that does not help.
pub struct Program {
    name: String,
    pid: Option<Pid>,
    stdin: Option<ChildStdin>,
    shared: Arc<Shared>,
}

impl Program {
    /// Starts it with its standard streams piped. It also ends when this process dies.
    ///
    /// # Errors
    /// What starting it gave, for example that it is not installed.
    pub fn start(command: Command) -> io::Result<Self> {
        let name = Path::new(command.get_program())
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut child = spawn(leashed(command)).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {name}: {error}"))
        })?;
        let shared = Arc::new(Shared::default());
        shared.lock().open_streams = 2;
        let stdin = child.stdin.take();
        if let Some(stream) = child.stdout.take() {
            follow(stream, true, Arc::clone(&shared));
        }
        if let Some(stream) = child.stderr.take() {
            follow(stream, false, Arc::clone(&shared));
        }
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let waiter = Arc::clone(&shared);
        thread::spawn(move || {
            let status = child.wait();
            waiter.change(|state| state.status = status.ok());
        });
        Ok(Self {
            name,
            pid,
            stdin,
            shared,
        })
    }

    /// The first line, said already or still to come, for which `wanted` holds.
    ///
    /// # Errors
    /// When the program ended without it, or [`GIVE_UP`] passed.
    pub fn wait_line(&self, what: &str, wanted: impl Fn(&Line) -> bool) -> Result<Line, Unmet> {
        self.wait_line_from(0, what, wanted).map(|(_, line)| line)
    }

    /// The same, from the line numbered `from` on; gives the number of the line that follows it too.
    ///
    /// # Errors
    /// As [`Program::wait_line`].
    pub fn wait_line_from(
        &self,
        from: usize,
        what: &str,
        wanted: impl Fn(&Line) -> bool,
    ) -> Result<(usize, Line), Unmet> {
        let mut next = from;
        let mut found = None;
        let (state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), GIVE_UP, |state| {
                while let Some(line) = state.lines.get(next) {
                    next += 1;
                    if wanted(line) {
                        found = Some((next, line.clone()));
                        return false;
                    }
                }
                state.open_streams > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        found.ok_or_else(|| {
            let how = if timeout.timed_out() {
                "did not say"
            } else {
                "ended without"
            };
            self.unmet(&format!("{} {how}: {what}", self.name))
        })
    }

    /// Waits until it has ended by itself and everything it said is here.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_exit(&self, limit: Duration) -> Result<ExitStatus, Unmet> {
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), limit, |state| {
                state.status.is_none() || state.open_streams > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        let status = state.status;
        drop(state);
        status.ok_or_else(|| self.unmet(&format!("{} still runs after {limit:?}", self.name)))
    }

    /// Its exit status, if it has ended.
    pub fn status(&self) -> Option<ExitStatus> {
        self.shared.lock().status
    }

    /// What it has said so far.
    pub fn lines(&self) -> Vec<Line> {
        self.shared.lock().lines.clone()
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// What writing gave, or [`io::ErrorKind::BrokenPipe`] after [`Program::close_stdin`].
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{line}")?;
        stdin.flush()
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it at once, as a crash would (SIGKILL).
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it without a word to anybody (SIGSTOP), as if it hung.
    pub fn hold(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Program::hold`].
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.pid
            .filter(|_| self.status().is_none())
            .map(|pid| pid.as_raw_nonzero().get())
    }

    /// An error of this program, with the last lines it said.
    pub fn unmet(&self, what: &str) -> Unmet {
        let state = self.shared.lock();
        let skipped = state.lines.len().saturating_sub(TAIL_LINES);
        let tail: Vec<_> = state
            .lines
            .iter()
            .skip(skipped)
            .map(|line| line.text.as_str())
            .collect();
        Unmet {
            what: what.to_owned(),
            tail: tail.join("\n"),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may have ended in this moment, which is what was wanted.
            kill_process_group(pid, signal).ok();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stdin = None;
        if self.status().is_none() {
            self.terminate();
            if self.wait_exit(Duration::from_secs(5)).is_err() {
                self.kill();
                self.wait_exit(Duration::from_secs(5)).ok();
            }
        }
    }
}

/// The same command under `setpriv --pdeathsig`, so that the program ends even when this process is killed; without setpriv
/// (it is part of util-linux), the command itself.
fn leashed(command: Command) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let present = *SETPRIV.get_or_init(|| Path::new("/usr/bin/setpriv").exists());
    let mut wrapped = if present {
        let mut wrapped = Command::new("/usr/bin/setpriv");
        wrapped
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        wrapped
    } else {
        command
    };
    wrapped
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    wrapped
}

/// Spawns on a thread that lives as long as this process: the kernel sends the parent-death signal when the spawning
/// *thread* ends, and a test's thread ends before the programs that tests share.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, SyncSender<io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let orders = SPAWNER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                answer.send(command.spawn()).ok();
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::sync_channel(1);
    let gone = |_| io::Error::other("the spawning thread is gone");
    orders
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .map_err(|_| gone(mpsc::RecvError))?;
    child.recv().map_err(gone)?
}

fn follow(stream: impl Read + Send + 'static, stdout: bool, shared: Arc<Shared>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match reader
                .by_ref()
                .take(LINE_MAX_BYTES)
                .read_until(b'\n', &mut bytes)
            {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            shared.change(|state| {
                if state.lines.len() < LINES_MAX {
                    state.lines.push(Line { stdout, text });
                } else {
                    state.more_lines += 1;
                }
            });
        }
        shared.change(|state| state.open_streams = state.open_streams.saturating_sub(1));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start(command).unwrap()
    }

    #[test]
    fn lines_of_both_streams_and_the_exit_status_arrive() {
        let mut program = shell("echo ready; read word; echo \"got $word\" >&2; exit 3");
        let ready = program
            .wait_line("ready", |line| line.text == "ready")
            .unwrap();
        assert!(ready.stdout);
        program.say("it").unwrap();
        let got = program
            .wait_line("got it", |line| line.text == "got it")
            .unwrap();
        assert!(!got.stdout);
        assert_eq!(program.wait_exit(GIVE_UP).unwrap().code(), Some(3));
    }

    #[test]
    fn a_program_that_ends_without_the_line_is_told_apart_from_a_slow_one() {
        let program = shell("echo last words; exit 1");
        let error = program
            .wait_line("ready", |line| line.text == "ready")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ended without") && error.contains("last words"),
            "{error}"
        );
    }

    #[test]
    fn dropping_ends_the_whole_group() {
        let program = shell("sleep 1000 & echo $!; wait");
        let child = program
            .wait_line("a pid", |line| line.text.parse::<i32>().is_ok())
            .unwrap();
        let pid = child.text.parse().ok().and_then(Pid::from_raw).unwrap();
        let handle = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        drop(program);
        // A process descriptor becomes readable when its process ends (pidfd_open(2)).
        let mut ends = [PollFd::new(&handle, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        assert_eq!(
            poll(&mut ends, Some(&limit)),
            Ok(1),
            "{} is still there",
            child.text
        );
    }

    #[test]
    fn what_is_not_installed_is_named() {
        if !Path::new("/usr/bin/setpriv").exists() {
            let error = Program::start(Command::new("no-such-program"))
                .err()
                .unwrap();
            assert!(error.to_string().contains("no-such-program"));
            return;
        }
        let program = Program::start(Command::new("no-such-program")).unwrap();
        let error = program.wait_line("x", |_| false).unwrap_err().to_string();
        assert!(error.contains("no-such-program"), "{error}");
    }
}
