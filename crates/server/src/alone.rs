//! The video allocator in a process of its own: no store, no HTTP, no listener but its own SIP address. It reaches the IM server and the
//! video servers, and nothing else.

use std::time::Duration;

use runtime::tasks::{Shutdown, Tasks};
use runtime::tls;

use crate::check::{Finding, Severity, check_sense};
use crate::config::{Config, Part};
use crate::files;
use crate::im_account::ImAccount;
use crate::role_allocator;
use crate::start::StartError;

/// How long each part may take to end after its work is done.
const STAGE_END: Duration = Duration::from_secs(5);

/// A running allocator.
#[derive(Debug)]
pub struct AllocatorAlone {
    tasks: Tasks,
    carriers: Tasks,
}

impl AllocatorAlone {
    /// Whether a configuration wants the allocator and no other part.
    pub fn is_wanted(config: &Config) -> bool {
        config.server.roles == [Part::Allocator]
    }

    /// Starts it. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the configuration is not right, names no IM server elsewhere or no password, or its address cannot be listened on.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let faults: Vec<Finding> = check_sense(&config)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        if !faults.is_empty() {
            return Err(StartError::Config(faults));
        }
        tls::install_provider();
        files::make(&config.data_dir())?;
        let no_account = || StartError::Part {
            part: "allocator",
            words: "it has no account".to_owned(),
        };
        let account = ImAccount::allocator(&config).ok_or_else(no_account)?;
        let server = account.address(None)?;
        let password = account.given_password()?;
        let alone = Self {
            tasks: Tasks::new(Shutdown::new()),
            carriers: Tasks::new(Shutdown::new()),
        };
        let account_at = (server, password);
        let (tasks, carriers) = (&alone.tasks, &alone.carriers);
        let started = role_allocator::start(&config, &account, account_at, tasks, carriers).await;
        match started {
            Ok(_) => Ok(alone),
            Err(error) => {
                alone.shutdown().await;
                Err(error)
            }
        }
    }

    /// Waits until it has failed.
    pub async fn failed(&self) {
        self.tasks.shutdown_token().cancelled().await;
    }

    /// Lets what is under way come to its end and stops; `false` when something did not end as it should.
    pub async fn shutdown(self) -> bool {
        let mut clean = true;
        for tasks in [&self.tasks, &self.carriers] {
            if let Err(error) = tasks.finish(STAGE_END).await {
                tracing::error!(%error, "did not end as it should");
                clean = false;
            }
        }
        clean
    }
}
