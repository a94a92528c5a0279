//! How many files and sockets this process may have open. Each leg and each connection is one; shells start processes with
//! room for 1,024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of this process as far as it may by itself, and gives it; `None`: there is none.
pub fn raise_open_files_limit() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    if now.current == now.maximum {
        return now.current;
    }
    let wanted = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => now.maximum,
        Err(_) => now.current,
    }
}

/// What the limit could be raised to; `None`: there is none.
pub fn open_files_limit_max() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        assert_eq!(raise_open_files_limit(), open_files_limit_max());
    }
}
