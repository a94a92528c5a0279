//! How many HTTP connections there may be: so many in all, fewer from one address, and some for this machine alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sip_proto::flow::counted_as;

/// Most HTTP connections at once from other machines, WebSockets not counted; further ones are closed.
const CONNECTIONS_MAX: usize = 1024;
/// Most of them from one address (IPv6: one /64).
const CONNECTIONS_PER_ADDRESS_MAX: usize = 128;
/// Most HTTP connections at once from this machine: gateway and conference service talk over them, whatever others do.
const LOCAL_CONNECTIONS_MAX: usize = 1024;

/// How many connections there are, on all listeners together.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    local: usize,
    others: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    /// `None`: this machine.
    address: Option<IpAddr>,
}

impl Places {
    /// A place for who connects from `remote` to our address `local`; `None` when there are too many.
    pub(super) fn take(self: &Arc<Self>, remote: IpAddr, local: IpAddr) -> Option<Place> {
        let from_here = remote.to_canonical().is_loopback() || remote == local;
        let address = (!from_here).then(|| counted_as(remote));
        let mut taken = self.lock();
        match address {
            None if taken.local >= LOCAL_CONNECTIONS_MAX => return None,
            None => taken.local += 1,
            Some(address) => {
                let from_there = taken.per_address.get(&address).copied().unwrap_or(0);
                if taken.others >= CONNECTIONS_MAX || from_there >= CONNECTIONS_PER_ADDRESS_MAX {
                    return None;
                }
                taken.others += 1;
                taken.per_address.insert(address, from_there + 1);
            }
        }
        Some(Place {
            places: self.clone(),
            address,
        })
    }

    /// A poisoned lock only means that a task panicked while it held it; counts are valid between any two statements.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(address) = self.address else {
            taken.local = taken.local.saturating_sub(1);
            return;
        };
        taken.others = taken.others.saturating_sub(1);
        if let Some(count) = taken.per_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.per_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_this_machine_has_its_own() {
        let places: Arc<Places> = Arc::default();
        let ours: IpAddr = "192.0.2.1".parse().unwrap();
        let take = |remote: IpAddr| places.take(remote, ours);
        let greedy: IpAddr = "2001:db8::1".parse().unwrap();
        let mut held: Vec<Place> = std::iter::from_fn(|| take(greedy)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS_MAX);
        for n in 0..=u8::MAX {
            let another = IpAddr::from([198, 51, 100, n]);
            held.extend(std::iter::from_fn(|| take(another)));
        }
        assert_eq!(held.len(), CONNECTIONS_MAX);
        let here: Vec<Place> = ["127.0.0.1", "::1", "192.0.2.1"]
            .iter()
            .filter_map(|ip| take(ip.parse().unwrap()))
            .collect();
        assert_eq!(here.len(), 3);
        drop(held);
        assert!(places.lock().per_address.is_empty());
        assert!(take(greedy).is_some());
    }
}
