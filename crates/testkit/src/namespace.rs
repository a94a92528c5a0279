//! Work in another network namespace (Linux, as root) of the same process.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Does something in the network namespace of this path (`/run/netns/…`): sockets that are made there stay there, whoever uses them afterwards.
///
/// # Errors
/// When there is none, or it may not be entered.
pub fn within<T: Send>(namespace: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let there = File::open(namespace)?;
    // A thread is in a namespace, not the process: this one ends there.
    let entered = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(there.as_fd(), network)?;
            Ok(work())
        });
        thread.join()
    });
    entered.unwrap_or_else(|_| Err(io::Error::other("the work there panicked")))
}
