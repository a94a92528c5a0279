//! A PulseAudio server of a test's own: the microphone of a browser, to be unplugged. There is no loudspeaker: PulseAudio would give whoever
//! listened to the microphone what that one plays in its place.

use std::process::Command;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use testkit::GIVE_UP;
use testkit::process::Program;

/// A running server.
pub struct Pulse {
    _program: Program,
    dir: TempDir,
}

impl Pulse {
    /// Starts one without anything.
    pub fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("pulseaudio");
        let socket = format!(
            "module-native-protocol-unix socket={} auth-anonymous=1",
            dir.path().join("native").display()
        );
        command
            .args([
                "-n",
                "-v",
                "--daemonize=no",
                "--use-pid-file=no",
                "--log-target=stderr",
            ])
            .args(["--exit-idle-time=-1", "--realtime=no", "--high-priority=no"])
            .args(["-L", &socket])
            // Nothing of anybody's own is used or changed.
            .env("HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            .env("XDG_CONFIG_HOME", dir.path());
        let program =
            Program::start(command).context("PulseAudio is not installed: run `make setup`")?;
        program.wait_line("the start of PulseAudio", |line| {
            line.text.contains("Daemon startup complete")
        })?;
        Ok(Self {
            _program: program,
            dir,
        })
    }

    /// Its address, as in `PULSE_SERVER`.
    pub fn server(&self) -> String {
        format!("unix:{}", self.dir.path().join("native").display())
    }

    /// Plugs a microphone in that says a tone; what it is unplugged by.
    pub fn plug_in(&self, hz: u32) -> anyhow::Result<String> {
        let source = "module-sine-source";
        let tone = format!("frequency={hz}");
        let said = self.pactl(&["load-module", source, "source_name=microphone", &tone])?;
        Ok(said.trim().to_owned())
    }

    /// Unplugs it.
    pub fn unplug(&self, microphone: &str) -> anyhow::Result<()> {
        self.pactl(&["unload-module", microphone])?;
        Ok(())
    }

    fn pactl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("pactl");
        command.arg("-s").arg(self.server()).args(arguments);
        let program = Program::start(command)?;
        let status = program.wait_exit(GIVE_UP)?;
        ensure!(status.success(), "{}", program.unmet("pactl failed"));
        let said = program.lines().into_iter().map(|line| line.text);
        Ok(said.collect::<Vec<_>>().join("\n"))
    }
}
