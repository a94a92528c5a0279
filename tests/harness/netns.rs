//! Network namespaces (Linux, as root). [`TwoWays`]: a server and a browser with two ways between them, as somebody has who leaves the
//! wireless network while a cable is plugged in; each way is a veth pair, and the server has one address that both lead to.
//! [`Alone`]: one machine with an address. [`Bare`]: one without any network.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::again;

/// The server's address.
pub const SERVER: &str = "10.77.0.1";

/// The two namespaces.
pub struct TwoWays {
    server: String,
    browser: String,
    /// They are removed with this.
    made: bool,
}

impl TwoWays {
    /// Those that this process runs in the server's of, if it does.
    pub fn inside() -> Option<Self> {
        let names = again::inside()?;
        let (server, browser) = names.split_once(' ')?;
        Some(Self {
            server: server.to_owned(),
            browser: browser.to_owned(),
            made: false,
        })
    }

    /// Makes them. The error says what is missing.
    pub fn make() -> anyhow::Result<Self> {
        let process = std::process::id();
        let ways = Self {
            server: format!("convoke-server-{process}"),
            browser: format!("convoke-browser-{process}"),
            made: true,
        };
        for name in [&ways.server, &ways.browser] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
            // Its addresses would be further ways.
            write(name, "net/ipv6/conf/all/disable_ipv6", "1")?;
            // Who asks for a neighbour on one way does so from its address there, also for a connection that began on the other way:
            // the neighbour would not answer a stranger.
            write(name, "net/ipv4/conf/all/arp_announce", "2")?;
        }
        let host = format!("{SERVER}/32");
        ip(&["-n", &ways.server, "addr", "add", &host, "dev", "lo"])?;
        for way in [1, 2] {
            ways.lay(way)?;
        }
        Ok(ways)
    }

    fn lay(&self, way: u8) -> anyhow::Result<()> {
        let (server, browser) = (self.server.as_str(), self.browser.as_str());
        let device = &*format!("way{way}");
        let pair = ["type", "veth", "peer", "name", device, "netns", browser];
        ip(&[&["link", "add", device, "netns", server][..], &pair].concat())?;
        for (name, end) in [(server, 1), (browser, 2)] {
            let address = format!("10.77.{way}.{end}/24");
            ip(&["-n", name, "addr", "add", &address, "dev", device])?;
            ip(&["-n", name, "link", "set", device, "up"])?;
        }
        // A network carries nothing that comes from an address of another one.
        let filter = format!("net/ipv4/conf/{device}/rp_filter");
        write(server, &filter, "1")?;
        let (gateway, metric) = (format!("10.77.{way}.1"), format!("{}", 10 * way));
        let route = ["route", "add", SERVER, "via", &gateway, "metric", &metric];
        ip(&[&["-n", browser][..], &route].concat())?;
        Ok(())
    }

    /// The name of the browser's namespace.
    pub fn browser(&self) -> &str {
        &self.browser
    }

    /// Takes one of the ways down at the browser's end, the way a cable is pulled.
    pub fn take_down(&self, way: u8) -> anyhow::Result<()> {
        ip(&[
            "-n",
            &self.browser,
            "link",
            "set",
            &format!("way{way}"),
            "down",
        ])?;
        Ok(())
    }

    /// Runs a test of this binary, by its path, in the server's namespace, where it finds this by [`TwoWays::inside`]. Gives what it printed.
    pub fn run_test(&self, path: &str) -> anyhow::Result<String> {
        let names = format!("{} {}", self.server, self.browser);
        again::run(&[tool(), "netns", "exec", &self.server], path, &names)
    }
}

impl Drop for TwoWays {
    fn drop(&mut self) {
        for name in [&self.server, &self.browser] {
            if self.made {
                // What was never made is not there to be removed.
                ip(&["netns", "del", name]).ok();
            }
        }
    }
}

/// A namespace with nothing but the loopback interface, and that down as the kernel makes it unless it is taken up.
pub struct Bare {
    name: String,
}

impl Bare {
    /// Makes it. The error says what is missing.
    pub fn make(word: &str) -> anyhow::Result<Self> {
        let name = format!("convoke-{word}-{}", std::process::id());
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    /// Takes the loopback interface up.
    pub fn take_up(&self) -> anyhow::Result<()> {
        ip(&["-n", &self.name, "link", "set", "lo", "up"])?;
        Ok(())
    }

    /// The interfaces that are up in it.
    pub fn up(&self) -> anyhow::Result<Vec<String>> {
        let shown = ip(&["-n", &self.name, "-o", "link", "show", "up"])?;
        let names = shown.lines().filter_map(|line| line.split(": ").nth(1));
        Ok(names.map(str::to_owned).collect())
    }

    /// Where the kernel has it.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// A command in it, of ourselves.
    pub fn own(&self, inside: &Command) -> Command {
        let mut command = Command::new(tool());
        command
            .args(["netns", "exec", &self.name])
            .arg(inside.get_program())
            .args(inside.get_args());
        command
    }

    /// A command in it, of a user who may do nothing that others may not.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool());
        command
            .args(["netns", "exec", &self.name, "setpriv"])
            .args(NOBODY)
            .arg(program)
            .args(arguments);
        command
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // What was never made is not there to be removed.
        ip(&["netns", "del", &self.name]).ok();
    }
}

/// Debian's `nobody`, with no other groups and no capability, not even by a program that has some.
const NOBODY: [&str; 5] = [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--bounding-set=-all",
    "--no-new-privs",
];

/// The address of a machine that is alone in its network.
pub const ALONE: &str = "10.78.0.1";

/// A namespace with an address that is not the loopback's: some programs, Janus among them, offer no other to browsers.
pub struct Alone {
    name: String,
}

impl Alone {
    /// Whether this process runs in one.
    pub fn inside() -> bool {
        again::inside().as_deref() == Some(ALONE)
    }

    /// Makes it. The error says what is missing.
    pub fn make() -> anyhow::Result<Self> {
        let alone = Self {
            name: format!("convoke-alone-{}", std::process::id()),
        };
        let name = &*alone.name;
        ip(&["netns", "add", name])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        write(name, "net/ipv6/conf/all/disable_ipv6", "1")?;
        // Both ends of the wire are here: it only has to be up.
        let pair = ["type", "veth", "peer", "name", "end"];
        ip(&[&["-n", name, "link", "add", "wire"][..], &pair].concat())?;
        let address = format!("{ALONE}/24");
        ip(&["-n", name, "addr", "add", &address, "dev", "wire"])?;
        for end in ["wire", "end"] {
            ip(&["-n", name, "link", "set", end, "up"])?;
        }
        Ok(alone)
    }

    /// Runs a test of this binary, by its path, in it. Gives what it printed.
    pub fn run_test(&self, path: &str) -> anyhow::Result<String> {
        again::run(&[tool(), "netns", "exec", &self.name], path, ALONE)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // What was never made is not there to be removed.
        ip(&["netns", "del", &self.name]).ok();
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(tool())
        .args(arguments)
        .output()
        .context("`ip` (iproute2) is not installed")?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr);
        bail!("ip {}: {}", arguments.join(" "), words.trim());
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// It is in /usr/sbin, which is not in everybody's PATH.
fn tool() -> &'static str {
    if Path::new("/usr/sbin/ip").exists() {
        "/usr/sbin/ip"
    } else {
        "ip"
    }
}

/// Sets something of the kernel in a namespace.
fn write(namespace: &str, name: &str, value: &str) -> anyhow::Result<()> {
    let script = format!("echo {value} > /proc/sys/{name}");
    ip(&["netns", "exec", namespace, "sh", "-c", &script])?;
    Ok(())
}
