//! What others follow of the focus: the conferences that somebody watches, what all look like from outside, and who is on the phone. A mailbox, not a queue: of each
//! conference and person only the newest state waits, so it holds no more than there are, however slow its reader is. Letters alone wait in a
//! row, which is bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conference_core::{Outline, Snapshot};
use convoke_types::letter::Letter;
use convoke_types::report::{Change, Report};
use convoke_types::{ConferenceId, LegKey};
use tokio::sync::Notify;

/// Letters that may wait.
const LETTERS_MAX: usize = 1_000;

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What a watched conference is like now.
    Snapshot(Box<Snapshot>),
    /// There is no such conference, or no longer; it is not watched any more.
    Over(ConferenceId),
    /// What a conference looks like from outside, whether watched or not.
    Outline(Box<Outline>),
    /// It is over.
    Gone(ConferenceId),
    /// An account (`user@domain`) has a leg in a conference, or has none any more.
    Phone {
        /// Whose.
        user: String,
        /// Whether it has one.
        on: bool,
    },
    /// A message is to be sent.
    Letter(Letter),
}

/// The mailbox. Clones are one; one of them reads.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was asked of the focus.
    asked: Notify,
    /// Something is new.
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Somebody reads; before, nothing is kept.
    followed: bool,
    watched: HashSet<ConferenceId>,
    /// Those of them of which nothing was told yet.
    asked: Vec<ConferenceId>,
    /// What waits to be read; `None`: over.
    conferences: HashMap<ConferenceId, Option<Box<Snapshot>>>,
    /// What waits to be read; `None`: over.
    outlines: HashMap<ConferenceId, Option<Box<Outline>>>,
    phones: HashMap<String, bool>,
    letters: VecDeque<Letter>,
    /// In which order; each once.
    order: VecDeque<Subject>,
    /// The focus is gone.
    closed: bool,
}

#[derive(Debug)]
enum Subject {
    Conference(ConferenceId),
    Outline(ConferenceId),
    Phone(String),
}

impl State {
    fn conference(&mut self, conference: ConferenceId, news: Option<Box<Snapshot>>) {
        if news.is_none() {
            self.watched.remove(&conference);
        }
        let before = self.conferences.insert(conference.clone(), news);
        if before.is_none() {
            self.order.push_back(Subject::Conference(conference));
        }
    }

    fn take(&mut self) -> Option<News> {
        if let Some(letter) = self.letters.pop_front() {
            return Some(News::Letter(letter));
        }
        loop {
            match self.order.pop_front()? {
                Subject::Conference(conference) => match self.conferences.remove(&conference) {
                    Some(Some(snapshot)) => return Some(News::Snapshot(snapshot)),
                    Some(None) => return Some(News::Over(conference)),
                    None => {}
                },
                Subject::Outline(conference) => match self.outlines.remove(&conference) {
                    Some(Some(outline)) => return Some(News::Outline(outline)),
                    Some(None) => return Some(News::Gone(conference)),
                    None => {}
                },
                Subject::Phone(user) => {
                    if let Some(on) = self.phones.remove(&user) {
                        return Some(News::Phone { user, on });
                    }
                }
            }
        }
    }
}

impl Watching {
    /// From now on this conference is told of: what it is like now, and after each change, until it is over.
    pub fn watch(&self, conference: ConferenceId) {
        let mut state = self.lock();
        if state.closed {
            state.conference(conference, None);
            drop(state);
            return self.shared.told.notify_one();
        }
        if state.watched.insert(conference.clone()) {
            state.asked.push(conference);
            drop(state);
            self.shared.asked.notify_one();
        }
    }

    /// Nobody watches it any more.
    pub fn unwatch(&self, conference: &ConferenceId) {
        let mut state = self.lock();
        state.watched.remove(conference);
        state.asked.retain(|asked| asked != conference);
        state.conferences.remove(conference);
        // Its place in the order goes with it: it would stand there twice when it is watched again.
        let theirs =
            |subject: &Subject| matches!(subject, Subject::Conference(id) if id == conference);
        state.order.retain(|subject| !theirs(subject));
    }

    /// What is new next. Cancel-safe.
    pub async fn next(&self) -> News {
        loop {
            if let Some(news) = self.try_next() {
                return news;
            }
            self.shared.told.notified().await;
        }
    }

    /// What is new next, if there is something.
    pub fn try_next(&self) -> Option<News> {
        self.lock().take()
    }

    pub(crate) fn follow(&self) {
        self.lock().followed = true;
    }

    /// Whether somebody reads.
    pub(crate) fn is_followed(&self) -> bool {
        self.lock().followed
    }

    /// Waits until something is asked of the focus.
    pub(crate) async fn asked(&self) {
        self.shared.asked.notified().await;
    }

    /// The conferences of which something has to be told in any case.
    pub(crate) fn take_asked(&self) -> Vec<ConferenceId> {
        std::mem::take(&mut self.lock().asked)
    }

    pub(crate) fn is_watched(&self, conference: &ConferenceId) -> bool {
        self.lock().watched.contains(conference)
    }

    /// What a watched conference is like now; `None`: there is none.
    pub(crate) fn tell(&self, conference: ConferenceId, now: Option<Snapshot>) {
        let mut state = self.lock();
        // Unwatched meanwhile.
        if !state.watched.contains(&conference) {
            return;
        }
        state.conference(conference, now.map(Box::new));
        drop(state);
        self.shared.told.notify_one();
    }

    /// What a conference looks like from outside now; `None`: it is over.
    pub(crate) fn tell_outline(&self, conference: ConferenceId, now: Option<Outline>) {
        let mut state = self.lock();
        if !state.followed {
            return;
        }
        let now = now.map(Box::new);
        if state.outlines.insert(conference.clone(), now).is_none() {
            state.order.push_back(Subject::Outline(conference));
        }
        drop(state);
        self.shared.told.notify_one();
    }

    pub(crate) fn tell_phone(&self, user: String, on: bool) {
        let mut state = self.lock();
        if !state.followed {
            return;
        }
        if state.phones.insert(user.clone(), on).is_none() {
            state.order.push_back(Subject::Phone(user));
        }
        drop(state);
        self.shared.told.notify_one();
    }

    /// A message to somebody. While too many wait it is lost: it only tells what can be seen otherwise.
    pub(crate) fn post(&self, letter: Letter) {
        let mut state = self.lock();
        if !state.followed {
            return;
        }
        if state.letters.len() >= LETTERS_MAX {
            tracing::warn!(to = %letter.to, "too many messages wait, one is not sent");
            return;
        }
        state.letters.push_back(letter);
        drop(state);
        self.shared.told.notify_one();
    }

    /// The focus is gone, and with it all conferences.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.asked.clear();
        let watched: Vec<ConferenceId> = state.watched.iter().cloned().collect();
        for conference in watched {
            state.conference(conference, None);
        }
        drop(state);
        self.shared.told.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let locked = self.shared.state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has legs in conferences, by the reports.
#[derive(Debug, Default)]
pub(crate) struct Phones {
    legs: HashMap<LegKey, String>,
    counts: HashMap<String, usize>,
}

impl Phones {
    /// Takes a report; gives back whose telephone is now in use, or no longer.
    pub(crate) fn see(&mut self, report: &Report) -> Option<(String, bool)> {
        let Change::Leg { leg, state, .. } = &report.change else {
            return None;
        };
        let key = LegKey {
            conference: report.conference.clone(),
            leg: leg.clone(),
        };
        if state.is_in() {
            let user = report.participant.as_ref()?.user.clone()?;
            if self.legs.insert(key, user.clone()).is_some() {
                return None;
            }
            let count = self.counts.entry(user.clone()).or_default();
            *count = count.saturating_add(1);
            return (*count == 1).then_some((user, true));
        }
        let user = self.legs.remove(&key)?;
        let count = self.counts.get_mut(&user)?;
        *count = count.saturating_sub(1);
        if *count > 0 {
            return None;
        }
        self.counts.remove(&user);
        Some((user, false))
    }
}

#[cfg(test)]
mod tests {
    use convoke_types::report::ParticipantRef;
    use convoke_types::{LegState, Role};

    use super::*;

    fn id(text: &str) -> ConferenceId {
        text.parse().unwrap()
    }

    fn snapshot(conference: &str, version: u64) -> Snapshot {
        Snapshot {
            conference: id(conference),
            title: String::new(),
            state: conference_core::ConferenceState::Running,
            locked: false,
            pictures_lost: false,
            sound_moves: 0,
            absent: Vec::new(),
            video: None,
            version,
            owner: "p1".parse().unwrap(),
            age_ms: 0,
            roster: Vec::new(),
        }
    }

    #[tokio::test]
    async fn of_each_conference_the_newest_state_waits_and_no_other() {
        let watching = Watching::default();
        watching.tell(id("x"), Some(snapshot("x", 1)));
        assert_eq!(watching.try_next(), None, "nobody watches it");
        for conference in ["x", "y", "x"] {
            watching.watch(id(conference));
        }
        watching.asked().await;
        assert_eq!(watching.take_asked(), [id("x"), id("y")]);
        for version in 1..100 {
            watching.tell(id("x"), Some(snapshot("x", version)));
        }
        watching.tell(id("y"), None);
        let next = watching.next().await;
        assert_eq!(next, News::Snapshot(Box::new(snapshot("x", 99))));
        assert_eq!(watching.next().await, News::Over(id("y")));
        assert_eq!(watching.try_next(), None);
        assert!(!watching.is_watched(&id("y")));
        watching.tell(id("x"), Some(snapshot("x", 100)));
        watching.unwatch(&id("x"));
        watching.watch(id("x"));
        assert_eq!(watching.try_next(), None);
        watching.tell(id("x"), Some(snapshot("x", 101)));
        assert!(watching.try_next().is_some());
        assert_eq!(watching.try_next(), None, "each once");
    }

    #[tokio::test]
    async fn without_a_focus_every_conference_is_over() {
        let watching = Watching::default();
        watching.watch(id("x"));
        watching.close();
        assert_eq!(watching.next().await, News::Over(id("x")));
        watching.watch(id("z"));
        assert_eq!(watching.next().await, News::Over(id("z")));
    }

    #[test]
    fn somebody_is_on_the_phone_from_their_first_leg_to_their_last() {
        let mut phones = Phones::default();
        let mut leg = |conference: &str, leg: &str, user: Option<&str>, state| {
            phones.see(&Report {
                conference: id(conference),
                version: 1,
                participant: Some(ParticipantRef {
                    id: "p1".parse().unwrap(),
                    name: String::new(),
                    user: user.map(|user| format!("{user}@example.org")),
                    place: String::new(),
                    role: Role::Participant,
                }),
                change: Change::Leg {
                    leg: leg.parse().unwrap(),
                    state,
                    cause: None,
                    moving: false,
                },
                command: None,
            })
        };
        let bob = |on| Some(("bob@example.org".to_owned(), on));
        assert_eq!(leg("x", "l1", Some("bob"), LegState::Ringing), None);
        assert_eq!(leg("x", "l1", Some("bob"), LegState::Joined), bob(true));
        assert_eq!(leg("x", "l1", Some("bob"), LegState::Held), None);
        assert_eq!(leg("y", "l1", Some("bob"), LegState::Joined), None);
        assert_eq!(leg("x", "l1", Some("bob"), LegState::Left), None);
        assert_eq!(leg("x", "l2", Some("bob"), LegState::Busy), None);
        assert_eq!(leg("x", "l3", None, LegState::Joined), None);
        assert_eq!(leg("y", "l1", Some("bob"), LegState::Left), bob(false));
    }

    #[test]
    fn of_each_conference_the_newest_look_waits() {
        let watching = Watching::default();
        let look = |inside| Outline {
            conference: id("x"),
            title: String::new(),
            state: conference_core::ConferenceState::Running,
            locked: false,
            video: None,
            inside,
            talking: Vec::new(),
        };
        watching.tell_outline(id("x"), Some(look(1)));
        assert_eq!(watching.try_next(), None, "nobody reads");
        watching.follow();
        watching.tell_outline(id("x"), Some(look(1)));
        watching.tell_outline(id("x"), Some(look(2)));
        let news = News::Outline(Box::new(look(2)));
        assert_eq!(watching.try_next(), Some(news));
        watching.tell_outline(id("x"), Some(look(3)));
        watching.tell_outline(id("x"), None);
        assert_eq!(watching.try_next(), Some(News::Gone(id("x"))));
        assert_eq!(watching.try_next(), None);
    }

    #[test]
    fn of_each_telephone_the_newest_state_waits() {
        let watching = Watching::default();
        let bob = || "bob@example.org".to_owned();
        watching.tell_phone(bob(), true);
        assert_eq!(watching.try_next(), None, "nobody reads");
        watching.follow();
        for on in [true, false, true, false] {
            watching.tell_phone(bob(), on);
        }
        let news = News::Phone {
            user: bob(),
            on: false,
        };
        assert_eq!(watching.try_next(), Some(news));
        assert_eq!(watching.try_next(), None);
    }
}
