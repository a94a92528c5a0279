//! The command line: what may be typed, and the help for it.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

/// Convoke calls people together: chat, and telephones that ring and are joined in one conference by one command.
#[derive(Debug, Parser)]
#[command(
    name = "convoke",
    version,
    arg_required_else_help = true,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (every part, or the roles that the configuration names) until SIGTERM or Ctrl-C.
    Serve(Serve),
    /// Run a server with embedded defaults, a simulated telephone network, and accounts alice, bob and carol.
    Demo(Demo),
    /// Prove on loopback that this build works on this machine (no root, Node or network needed; a quarter of a minute).
    Selftest(Selftest),
    /// Examine a configuration: explains every fault and how to mend it.
    Check(Check),
    /// Call people and numbers into one conference and show it live until it ends.
    Call(Call),
    /// Follow what one account receives: chat, and reports of conferences.
    Watch(Watch),
    /// Send one chat message.
    Send(Send),
    /// Accounts, their passwords, device passwords, API tokens and telephones.
    User(User),
    /// Run only the simulated telephone network.
    Phones(Phones),
    /// Show the log of messages.
    Log(Log),
    /// Measure against peers on this machine.
    Bench(Bench),
    /// Run the media bridge alone; media commands and events are JSON lines.
    #[command(hide = true)]
    Bridge(Bridge),
}

/// Where the installation is.
#[derive(Debug, Args)]
pub struct Installation {
    /// Data directory of the server (its administrator key and addresses are read there).
    #[arg(long, env = "CONVOKE_DATA", default_value = "data", global = true)]
    pub data: PathBuf,
}

impl Installation {
    /// ` --data PATH` where it is needed, for a command line to copy.
    pub fn flag(&self) -> String {
        data_flag(&self.data)
    }
}

/// ` --data PATH` unless it is the usual directory.
pub fn data_flag(data: &Path) -> String {
    match data.to_str() {
        Some("data") | None => String::new(),
        Some(path) => format!(" --data {path}"),
    }
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file; without one, safe defaults on loopback.
    #[arg(long, short)]
    pub config: Option<PathBuf>,
    /// Data directory; wins over the configuration's.
    #[arg(long, env = "CONVOKE_DATA")]
    pub data: Option<PathBuf>,
    /// Print one JSON line with the bound addresses on stdout once everything listens.
    #[arg(long)]
    pub ready_line: bool,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Data directory; made if it is missing.
    #[arg(long, env = "CONVOKE_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Let the system choose every port, so that several demos can run at once.
    #[arg(long)]
    pub any_ports: bool,
    /// Print one JSON line with the bound addresses when everything listens, and nothing else.
    #[arg(long)]
    pub ready_line: bool,
}

/// Options of `selftest`.
#[derive(Debug, Args)]
pub struct Selftest {
    /// Only JSON lines on stdout; the last sums up.
    #[arg(long)]
    pub json: bool,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration file.
    #[arg(long, short, default_value = "convoke.toml")]
    pub config: PathBuf,
    /// Print the commented example configuration instead.
    #[arg(long)]
    pub example: bool,
    /// One JSON object a finding.
    #[arg(long)]
    pub json: bool,
}

/// Options of `call`.
#[derive(Debug, Args)]
pub struct Call {
    /// Whom to call: user names, user@domain, numbers (+15550107).
    #[arg(required = true)]
    pub parties: Vec<String>,
    /// Who calls: an account of this server. Their own telephone rings first.
    #[arg(long = "as", value_name = "USER")]
    pub as_user: String,
    /// Title that everybody sees.
    #[arg(long)]
    pub title: Option<String>,
    /// The initiator's telephone: a place (work, mobile) or a number; the profile's default otherwise.
    #[arg(long)]
    pub from: Option<String>,
    /// Call everybody at once instead of the initiator first.
    #[arg(long)]
    pub all_at_once: bool,
    /// One JSON object for each event instead of the board.
    #[arg(long)]
    pub json: bool,
    /// Where the installation is.
    #[command(flatten)]
    pub installation: Installation,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Whose messages.
    #[arg(long = "as", value_name = "USER")]
    pub as_user: String,
    /// One JSON object for each message.
    #[arg(long)]
    pub json: bool,
    /// Where the installation is.
    #[command(flatten)]
    pub installation: Installation,
}

/// Options of `send`.
#[derive(Debug, Args)]
pub struct Send {
    /// To whom: a user name or user@domain; `conference` and `video` take plain words (`call bob`, `who`; `video bob`; `help`).
    pub to: String,
    /// The text; from standard input when missing.
    pub text: Option<String>,
    /// Who writes.
    #[arg(long = "as", value_name = "USER")]
    pub as_user: String,
    /// Where the installation is.
    #[command(flatten)]
    pub installation: Installation,
}

/// Options of `user`.
#[derive(Debug, Args)]
pub struct User {
    /// What to do with accounts.
    #[command(subcommand)]
    pub command: UserCommand,
    /// Where the installation is.
    #[command(flatten)]
    pub installation: Installation,
}

/// The subcommands of `user`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List the accounts.
    List,
    /// Make an account.
    Add {
        /// The user part of its address.
        user: String,
        /// The name that others see.
        #[arg(long)]
        name: Option<String>,
    },
    /// Give an account a telephone.
    Telephone {
        /// The account.
        user: String,
        /// The number, +15550101.
        number: String,
        /// What it is called: work, mobile, home …
        #[arg(long, default_value = "work")]
        label: String,
    },
    /// Make a password for one SIP device; shown once.
    Device {
        /// The account.
        user: String,
        /// What the device is called.
        #[arg(long, default_value = "telephone")]
        label: String,
    },
    /// Set the password with which a person signs in to the window; made and shown once unless --stdin gives it.
    Password {
        /// The account.
        user: String,
        /// Read it from standard input, one line of at least 8 characters.
        #[arg(long)]
        stdin: bool,
    },
    /// Make a token for the SOAP and REST interfaces; shown once.
    Token {
        /// The account.
        user: String,
        /// How many days it is good for.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
    },
    /// List the device passwords in force.
    Devices {
        /// The account.
        user: String,
    },
    /// Take back a device password by its id.
    Revoke {
        /// The account.
        user: String,
        /// Its id, as `devices` shows it.
        id: i64,
    },
    /// List the tokens of programs that are good.
    Tokens {
        /// The account.
        user: String,
    },
    /// Take back a program's token by its id, and with it the webhooks that it made.
    RevokeToken {
        /// The account.
        user: String,
        /// Its id, as `tokens` shows it.
        id: i64,
    },
}

/// Options of `phones`.
#[derive(Debug, Args)]
pub struct Phones {
    /// A TOML file of telephones; the demo's otherwise.
    #[arg(long)]
    pub network: Option<PathBuf>,
    /// Where the carrier takes calls.
    #[arg(long, default_value = "127.0.0.1:5090")]
    pub listen: std::net::SocketAddr,
    /// The user name that callers must give, if any.
    #[arg(long)]
    pub username: Option<String>,
    /// A file with the password that callers must give.
    #[arg(long, requires = "username")]
    pub password_file: Option<PathBuf>,
}

/// Options of `log`.
#[derive(Debug, Args)]
pub struct Log {
    /// Only what this account sent or received.
    #[arg(long)]
    pub user: Option<String>,
    /// How many, newest last.
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub lines: u32,
    /// Show the bodies too (an audit entry is written).
    #[arg(long)]
    pub bodies: bool,
    /// One JSON object a message.
    #[arg(long)]
    pub json: bool,
    /// Where the installation is.
    #[command(flatten)]
    pub installation: Installation,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure.
    #[arg(value_parser = ["P1", "P3", "P4a", "P4b", "P5", "P6a", "P8", "P9a"])]
    pub id: String,
    /// One JSON object a line; the last sums up.
    #[arg(long)]
    pub json: bool,
}

/// Options of `bridge`.
#[derive(Debug, Args)]
pub struct Bridge {
    /// Media threads.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Address that sockets are bound to.
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// TCP port for browsers.
    #[arg(long)]
    pub tcp_port: Option<u16>,
}
