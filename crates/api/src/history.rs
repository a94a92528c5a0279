//! What the service remembers of conferences beside the focus: the last reports and the state that they add up to, also
//! for some time after the end, so that `get` shows how it ended and can wait for what comes next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use convoke_types::bridge_protocol::Feature;
use convoke_types::report::{ParticipantRef, Report};
use convoke_types::{Aor, ConferenceId, Role, VideoServerName};
use runtime::clock;
use soap_proto::{ConferenceState, Snapshot, UtcMillis};
use tokio::sync::watch;

/// Reports kept of one conference.
const REPORTS_MAX: usize = 1_000;
/// Ended conferences remembered; the oldest is forgotten first.
const ENDED_MAX: usize = 256;

/// The memory. Locked for a few instructions at a time, never across an await.
#[derive(Default)]
pub(crate) struct History {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    pages: BTreeMap<ConferenceId, Page>,
    begun: u64,
    ended: VecDeque<ConferenceId>,
}

struct Page {
    /// In the order of creation.
    number: u64,
    started_by: Aor,
    /// The service that asked for it in somebody else's name.
    allocator: Option<Aor>,
    /// Whose it is now, on the roster or not; nobody's who has an account after it was handed to a bare number.
    owner: Option<Aor>,
    created_at: i64,
    snapshot: Snapshot,
    reports: VecDeque<Report>,
    version: watch::Sender<u64>,
}

impl Page {
    /// Whether somebody owns it, asked for it in the owner's name, or is on its roster: they may know of it.
    fn concerns(&self, user: &Aor) -> bool {
        let mut roster = self.snapshot.participants.iter();
        self.owner.as_ref() == Some(user)
            || self.allocator.as_ref() == Some(user)
            || roster.any(|one| one.user.as_ref() == Some(user))
    }
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A conference is about to be created. False: one of this id is remembered.
    pub fn begin(&self, id: &ConferenceId, title: &str, owner: &Aor) -> bool {
        let mut book = self.lock();
        if book.pages.contains_key(id) {
            return false;
        }
        book.begun += 1;
        let mut snapshot = Snapshot::begin(id.clone(), title.to_owned());
        // Until another bridge says that it mixes.
        snapshot.absent = Feature::absent(&Feature::OURS);
        let page = Page {
            number: book.begun,
            started_by: owner.clone(),
            allocator: None,
            owner: Some(owner.clone()),
            created_at: clock::unix_ms(clock::wall()),
            snapshot,
            reports: VecDeque::new(),
            version: watch::Sender::new(0),
        };
        book.pages.insert(id.clone(), page);
        true
    }

    /// A bridge has the conference's sound from now on, and cannot do this.
    pub fn mixes(&self, id: &ConferenceId, absent: &[Feature]) {
        if let Some(page) = self.lock().pages.get_mut(id) {
            page.snapshot.absent = absent.to_vec();
        }
    }

    /// A conference that was begun just now was asked for by a service, which has prepared its pictures.
    pub fn allocated(&self, id: &ConferenceId, by: &Aor, video: Option<&VideoServerName>) {
        if let Some(page) = self.lock().pages.get_mut(id) {
            page.allocator = Some(by.clone());
            page.snapshot.video = video.cloned();
        }
    }

    /// Whether this service asked for it.
    pub fn is_allocated_by(&self, id: &ConferenceId, service: &Aor) -> bool {
        let book = self.lock();
        let page = book.pages.get(id);
        page.is_some_and(|page| page.allocator.as_ref() == Some(service))
    }

    /// It was not created after all.
    pub fn forget(&self, id: &ConferenceId) {
        self.lock().pages.remove(id);
    }

    /// A change.
    pub fn see(&self, report: &Report) {
        let mut book = self.lock();
        let Some(page) = book.pages.get_mut(&report.conference) else {
            return;
        };
        page.snapshot.apply(report, now());
        if let Some(whom) = &report.participant
            && whom.role == Role::Owner
        {
            page.owner = account_of(whom);
        }
        if page.reports.len() == REPORTS_MAX {
            page.reports.pop_front();
        }
        page.reports.push_back(report.clone());
        page.version.send_replace(report.version);
        if page.snapshot.state == ConferenceState::Ended {
            book.ended.push_back(report.conference.clone());
            if book.ended.len() > ENDED_MAX
                && let Some(oldest) = book.ended.pop_front()
            {
                book.pages.remove(&oldest);
            }
        }
    }

    /// To wait on for versions; `None` for a conference that is not remembered.
    pub fn versions(&self, id: &ConferenceId) -> Option<watch::Receiver<u64>> {
        self.lock()
            .pages
            .get(id)
            .map(|page| page.version.subscribe())
    }

    /// Whether more reports may come.
    pub fn is_running(&self, id: &ConferenceId) -> bool {
        let book = self.lock();
        let page = book.pages.get(id);
        page.is_some_and(|page| page.snapshot.state != ConferenceState::Ended)
    }

    /// Whether it is of this process, and not forgotten yet.
    pub fn knows(&self, id: &ConferenceId) -> bool {
        self.lock().pages.contains_key(id)
    }

    /// Whether somebody owns it or is on its roster, or was until its end.
    pub fn concerns(&self, id: &ConferenceId, user: &Aor) -> bool {
        let book = self.lock();
        book.pages.get(id).is_some_and(|page| page.concerns(user))
    }

    /// An ended conference and its reports after `since`, for who was in it until its end.
    pub fn ended(
        &self,
        id: &ConferenceId,
        since: Option<u64>,
        asker: Option<&Aor>,
    ) -> Option<(Snapshot, Vec<Report>)> {
        let book = self.lock();
        let page = book.pages.get(id)?;
        let may = asker.is_none_or(|aor| page.concerns(aor));
        if page.snapshot.state != ConferenceState::Ended || !may {
            return None;
        }
        let reports = since.map_or_else(Vec::new, |since| {
            page.reports
                .iter()
                .filter(|report| report.version > since)
                .cloned()
                .collect()
        });
        Some((page.snapshot.clone(), reports))
    }

    /// A conference as it is now, if it is remembered.
    pub fn snapshot(&self, id: &ConferenceId) -> Option<Snapshot> {
        let book = self.lock();
        Some(book.pages.get(id)?.snapshot.clone())
    }

    /// The running conferences that somebody owns or takes part in, at most `limit`: the oldest first, so that another one
    /// that begins does not change how people count those they have.
    pub fn running_of(&self, asker: &Aor, limit: usize) -> Vec<Snapshot> {
        self.running(|page| page.concerns(asker), limit)
    }

    /// All that run, at most `limit`, the oldest first.
    pub fn running_of_all(&self, limit: usize) -> Vec<Snapshot> {
        self.running(|_| true, limit)
    }

    fn running(&self, wanted: impl Fn(&Page) -> bool, limit: usize) -> Vec<Snapshot> {
        let book = self.lock();
        let mut running: Vec<&Page> = book
            .pages
            .values()
            .filter(|page| {
                page.snapshot.state != ConferenceState::Ended && page.snapshot.version > 0
            })
            .filter(|page| wanted(page))
            .collect();
        running.sort_by_key(|page| page.number);
        let running = running.into_iter().take(limit);
        running.map(|page| page.snapshot.clone()).collect()
    }

    /// Everybody with an account who is told of a change that was seen: the owner, the roster, and whom it takes off it.
    pub fn audience(&self, report: &Report) -> BTreeSet<Aor> {
        let book = self.lock();
        let Some(page) = book.pages.get(&report.conference) else {
            return BTreeSet::new();
        };
        let roster = page.snapshot.participants.iter();
        roster
            .filter_map(|participant| participant.user.clone())
            .chain(page.owner.clone())
            .chain(report.participant.as_ref().and_then(account_of))
            .collect()
    }

    /// Who started it, its title, and when (milliseconds since 1970).
    pub fn heading(&self, id: &ConferenceId) -> Option<(Aor, String, i64)> {
        let book = self.lock();
        let page = book.pages.get(id)?;
        Some((
            page.started_by.clone(),
            page.snapshot.title.clone(),
            page.created_at,
        ))
    }
}

fn account_of(whom: &ParticipantRef) -> Option<Aor> {
    whom.user.as_deref()?.parse().ok()
}

/// The time of day for snapshots.
pub(crate) fn now() -> UtcMillis {
    UtcMillis(u64::try_from(clock::unix_ms(clock::wall())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use convoke_types::report::Change;

    use super::*;

    #[test]
    fn conferences_are_listed_in_the_order_of_their_creation() {
        let history = History::default();
        let alice: Aor = "alice@example.org".parse().unwrap();
        for id in ["k9", "k1", "k5"] {
            let id: ConferenceId = id.parse().unwrap();
            history.begin(&id, "", &alice);
            history.see(&Report {
                conference: id,
                version: 1,
                participant: None,
                change: Change::Created,
                command: None,
            });
        }
        let listed = history.running_of(&alice, 2);
        let ids: Vec<&str> = listed.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["k9", "k1"]);
    }

    #[test]
    fn who_is_removed_hears_of_that_and_of_nothing_more() {
        let history = History::default();
        let id: ConferenceId = "k1".parse().unwrap();
        let aor = |user: &str| Aor::new(user, "example.org").unwrap();
        history.begin(&id, "", &aor("alice"));
        let mut version = 0;
        let mut happens = |whom: Option<(&str, &str, Role)>, change: Change| {
            version += 1;
            let participant = whom.map(|(participant, user, role)| ParticipantRef {
                id: participant.parse().unwrap(),
                name: user.to_owned(),
                user: Some(aor(user).to_string()),
                place: "work".to_owned(),
                role,
            });
            let report = Report {
                conference: id.clone(),
                version,
                participant,
                change,
                command: None,
            };
            history.see(&report);
            let told = history.audience(&report);
            told.iter()
                .map(|aor| aor.user().to_owned())
                .collect::<Vec<_>>()
        };
        let (alice, bob) = (
            ("p1", "alice", Role::Owner),
            ("p2", "bob", Role::Participant),
        );
        assert_eq!(happens(None, Change::Created), ["alice"]);
        assert_eq!(happens(Some(alice), Change::Added), ["alice"]);
        assert_eq!(happens(Some(bob), Change::Added), ["alice", "bob"]);
        assert_eq!(happens(Some(bob), Change::Removed), ["alice", "bob"]);
        let carol = ("p3", "carol", Role::Participant);
        assert_eq!(happens(Some(carol), Change::Added), ["alice", "carol"]);
        // Who hands it over is somebody like others.
        let owner = ("p3", "carol", Role::Owner);
        let former = ("p1", "alice", Role::Moderator);
        happens(Some(owner), Change::Role);
        happens(Some(former), Change::Role);
        assert_eq!(happens(Some(former), Change::Removed), ["alice", "carol"]);
        let cause = convoke_types::report::ConferenceEnd {
            reason: convoke_types::report::ConferenceEndReason::Empty,
            words: String::new(),
        };
        assert_eq!(happens(None, Change::Ended { cause }), ["carol"]);
        let sees = |user: &str| history.ended(&id, Some(0), Some(&aor(user))).is_some();
        assert_eq!(["alice", "bob", "carol"].map(sees), [false, false, true]);
        assert_eq!(history.heading(&id).unwrap().0, aor("alice"));
    }
}
