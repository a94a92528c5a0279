//! What the board shows, and what its keys mean. Pure: no terminal, no clock.

use client::Followed;
use convoke_types::{Aor, MutedBy, ParticipantId};
use soap_proto::{Operation, ParticipantSnapshot, UtcMillis};

use super::parties::{parties, shown};
use crate::words::one_line;

/// Longest text that is typed into the prompt, in characters.
const PROMPT_MAX_CHARS: usize = 200;

/// The board's state.
#[derive(Debug, Clone)]
pub struct Model {
    /// The conference.
    pub followed: Followed,
    /// Whose line the keys are for.
    pub selected: Option<ParticipantId>,
    /// What is being asked at the bottom.
    pub prompt: Prompt,
    /// The last thing that was said at the bottom.
    pub notice: Option<Notice>,
    /// Why nothing comes at the moment.
    pub offline: Option<String>,
    /// When the call was asked for, by our clock.
    pub began: UtcMillis,
    /// Whose board it is.
    pub me: Aor,
}

/// What is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing: the key line is shown.
    None,
    /// Whom to add, typed so far.
    Add(String),
    /// Whether to end it for everybody.
    End,
}

/// A sentence at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub words: String,
    /// Something went wrong.
    pub bad: bool,
}

/// A key, whatever terminal it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// A letter, digit, sign.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks for beyond the board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, for a moment")]
pub enum Wish {
    /// Send this command.
    Command(Operation),
    /// Stop watching; the conference goes on.
    Leave,
}

impl Model {
    /// A board for a conference that was just asked for.
    pub fn new(followed: Followed, began: UtcMillis, me: Aor) -> Self {
        Self {
            followed,
            selected: None,
            prompt: Prompt::None,
            notice: None,
            offline: None,
            began,
            me,
        }
    }

    /// The roster.
    pub fn participants(&self) -> &[ParticipantSnapshot] {
        &self.followed.snapshot().participants
    }

    /// Whose line the keys are for; the first when nobody was chosen, or who was chosen is gone.
    pub fn selected(&self) -> Option<&ParticipantSnapshot> {
        let chosen = self.selected.as_ref();
        let found = self
            .participants()
            .iter()
            .find(|participant| Some(&participant.id) == chosen);
        found.or_else(|| self.participants().first())
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Option<Wish> {
        if key == Key::Interrupt {
            return Some(Wish::Leave);
        }
        match std::mem::replace(&mut self.prompt, Prompt::None) {
            Prompt::None => self.board_key(key),
            Prompt::Add(typed) => self.add_key(typed, key),
            Prompt::End => match key {
                Key::Char('y' | 'Y') => {
                    self.say("Ending the conference …");
                    Some(Wish::Command(Operation::End {
                        conference: self.followed.snapshot().id.clone(),
                    }))
                }
                _ => None,
            },
        }
    }

    /// Says something at the bottom.
    pub fn say(&mut self, words: impl Into<String>) {
        self.notice = Some(Notice {
            words: words.into(),
            bad: false,
        });
    }

    /// Says at the bottom that something went wrong.
    pub fn complain(&mut self, words: impl Into<String>) {
        self.notice = Some(Notice {
            words: words.into(),
            bad: true,
        });
    }

    fn board_key(&mut self, key: Key) -> Option<Wish> {
        match key {
            Key::Up => self.step(false),
            Key::Down => self.step(true),
            Key::Char('a') => {
                self.notice = None;
                self.prompt = Prompt::Add(String::new());
            }
            Key::Char('e') => {
                self.notice = None;
                self.prompt = Prompt::End;
            }
            Key::Char('q') => return Some(Wish::Leave),
            Key::Char('m' | 'd' | 'c' | 'f') => return self.command(key),
            Key::Char('h') => return self.hand(),
            Key::Char('l') => return Some(self.lock()),
            Key::Escape => self.notice = None,
            Key::Char(_) | Key::Enter | Key::Backspace | Key::Interrupt => {}
        }
        None
    }

    fn step(&mut self, down: bool) {
        let people = self.participants();
        let here = self.selected().map(|participant| &participant.id);
        let position = people
            .iter()
            .position(|participant| Some(&participant.id) == here)
            .unwrap_or(0);
        let next = match down {
            true => (position + 1).min(people.len().saturating_sub(1)),
            false => position.saturating_sub(1),
        };
        self.selected = people.get(next).map(|participant| participant.id.clone());
    }

    fn command(&mut self, key: Key) -> Option<Wish> {
        let whom = self.selected()?.clone();
        let mine = whom.user.as_ref() == Some(&self.me);
        let name = one_line(&whom.name);
        if key == Key::Char('m') && !mine && whom.muted_by == Some(MutedBy::Themselves) {
            let floor = match whom.hand {
                Some(_) => ", or f, which gives them the floor",
                None => "",
            };
            self.complain(format!(
                "{name} muted themselves; only they can unmute{floor}."
            ));
            return None;
        }
        let conference = self.followed.snapshot().id.clone();
        let participant = whom.id;
        let (words, operation) = match key {
            Key::Char('m') if whom.muted => (
                format!("Unmuting {name} …"),
                Operation::Unmute {
                    conference,
                    participant,
                },
            ),
            Key::Char('m') => (
                format!("Muting {name} …"),
                Operation::Mute {
                    conference,
                    participant,
                },
            ),
            Key::Char('f') => (
                format!("Giving the floor to {name} …"),
                Operation::GiveFloor {
                    conference,
                    participant,
                },
            ),
            Key::Char('d') => (
                format!("Hanging up on {name} …"),
                Operation::Disconnect {
                    conference,
                    participant,
                },
            ),
            _ => (
                format!("Calling {name} again …"),
                Operation::Call {
                    conference,
                    participant,
                    at: None,
                },
            ),
        };
        self.say(words);
        Some(Wish::Command(operation))
    }

    /// One's own hand, up or down; that of somebody else whose line is selected can only be lowered.
    fn hand(&mut self) -> Option<Wish> {
        let whom = self.selected()?.clone();
        let mine = whom.user.as_ref() == Some(&self.me);
        let name = one_line(&whom.name);
        let conference = self.followed.snapshot().id.clone();
        let participant = whom.id;
        let (words, operation) = match (whom.hand, mine) {
            (Some(_), _) => (
                format!("Lowering the hand of {name} …"),
                Operation::LowerHand {
                    conference,
                    participant,
                },
            ),
            (None, true) => (
                "Raising your hand …".to_owned(),
                Operation::RaiseHand {
                    conference,
                    participant,
                },
            ),
            (None, false) => {
                self.complain(format!("{name} has no hand up; only they can raise it."));
                return None;
            }
        };
        self.say(words);
        Some(Wish::Command(operation))
    }

    fn lock(&mut self) -> Wish {
        let snapshot = self.followed.snapshot();
        let conference = snapshot.id.clone();
        let (words, operation) = match snapshot.locked {
            true => ("Opening the conference …", Operation::Unlock { conference }),
            false => ("Locking the conference …", Operation::Lock { conference }),
        };
        self.say(words);
        Wish::Command(operation)
    }

    fn add_key(&mut self, mut typed: String, key: Key) -> Option<Wish> {
        match key {
            Key::Escape => return None,
            Key::Enter => {
                let participants = parties(&typed);
                if participants.is_empty() {
                    return None;
                }
                let names: Vec<&str> = participants.iter().map(shown).collect();
                self.say(format!("Calling {} …", names.join(", ")));
                return Some(Wish::Command(Operation::Add {
                    conference: self.followed.snapshot().id.clone(),
                    participants,
                }));
            }
            Key::Backspace => {
                typed.pop();
            }
            Key::Char(c) if !c.is_control() && typed.chars().count() < PROMPT_MAX_CHARS => {
                typed.push(c);
            }
            Key::Char(_) | Key::Up | Key::Down | Key::Interrupt => {}
        }
        self.prompt = Prompt::Add(typed);
        None
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use convoke_types::{LegState, Role};
    use soap_proto::{ConferenceState, LegSnapshot, Snapshot};

    /// Somebody on the roster, in this state since second 10.
    pub fn person(
        id: &str,
        name: &str,
        place: &str,
        state: Option<LegState>,
    ) -> ParticipantSnapshot {
        ParticipantSnapshot {
            id: id.parse().unwrap(),
            name: name.into(),
            user: None,
            place: place.into(),
            role: Role::Participant,
            muted: false,
            muted_by: None,
            talking: false,
            silent: false,
            hidden: false,
            hand: None,
            hand_since: None,
            leg: state.map(|state| LegSnapshot {
                id: "l1".parse().unwrap(),
                state,
                cause: None,
                since: UtcMillis(10_000),
            }),
            moving: None,
        }
    }

    /// A board with these people, begun at second 0.
    pub fn model(participants: Vec<ParticipantSnapshot>) -> Model {
        let snapshot = Snapshot {
            id: "c1".parse().unwrap(),
            title: "Plan".into(),
            state: ConferenceState::Running,
            locked: false,
            pictures_lost: false,
            sound_moves: 0,
            absent: Vec::new(),
            video: None,
            version: 9,
            count: u32::try_from(participants.len()).unwrap(),
            first: 0,
            participants,
        };
        let me = "alice@example.org".parse().unwrap();
        Model::new(Followed::resume(snapshot), UtcMillis(0), me)
    }

    fn two() -> Model {
        let alice = person("p1", "Alice", "work", Some(LegState::Joined));
        let mut bob = person("p2", "Bob", "mobile", Some(LegState::Joined));
        bob.muted = true;
        model(vec![alice, bob])
    }

    #[test]
    fn commands_go_to_the_selected_line() {
        let mut model = two();
        let conference: convoke_types::ConferenceId = "c1".parse().unwrap();
        let wish = model.key(Key::Char('m'));
        let mute = Operation::Mute {
            conference: conference.clone(),
            participant: "p1".parse().unwrap(),
        };
        assert_eq!(wish, Some(Wish::Command(mute)));
        assert_eq!(model.key(Key::Down), None);
        assert_eq!(model.key(Key::Down), None, "stays at the end");
        let unmute = Operation::Unmute {
            conference: conference.clone(),
            participant: "p2".parse().unwrap(),
        };
        assert_eq!(model.key(Key::Char('m')), Some(Wish::Command(unmute)));
        model.key(Key::Up);
        let again = Operation::Call {
            conference,
            participant: "p1".parse().unwrap(),
            at: None,
        };
        assert_eq!(model.key(Key::Char('c')), Some(Wish::Command(again)));
        assert_eq!(model.key(Key::Char('q')), Some(Wish::Leave));
    }

    #[test]
    fn whoever_muted_themselves_is_not_unmuted_by_others() {
        let mut model = two();
        let mut people = model.participants().to_vec();
        for one in &mut people {
            one.muted = true;
            one.muted_by = Some(MutedBy::Themselves);
        }
        people[0].user = Some("alice@example.org".parse().unwrap());
        model = self::model(people.clone());
        let unmutes =
            |wish: Option<Wish>| matches!(wish, Some(Wish::Command(Operation::Unmute { .. })));
        assert!(unmutes(model.key(Key::Char('m'))), "oneself");
        model.key(Key::Down);
        assert_eq!(model.key(Key::Char('m')), None);
        let told = model.notice.as_ref().unwrap();
        assert!(told.bad);
        assert_eq!(told.words, "Bob muted themselves; only they can unmute.");

        people[1].hand = Some(1);
        model = self::model(people.clone());
        model.key(Key::Down);
        assert_eq!(model.key(Key::Char('m')), None);
        let told = &model.notice.as_ref().unwrap().words;
        assert!(told.contains("f, which gives them the floor"), "{told}");

        // A moderator's mute is any moderator's to lift; theirs stays.
        people[1].muted_by = Some(MutedBy::Both);
        model = self::model(people);
        model.key(Key::Down);
        assert!(unmutes(model.key(Key::Char('m'))));
    }

    #[test]
    fn hands_the_floor_and_the_lock_have_keys() {
        let mut model = two();
        let mut people = model.participants().to_vec();
        people[0].user = Some("alice@example.org".parse().unwrap());
        people[1].hand = Some(1);
        model = self::model(people);
        let name = |wish: Option<Wish>| match wish {
            Some(Wish::Command(operation)) => operation.name().as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(name(model.key(Key::Char('h'))), "raiseHand");
        assert_eq!(name(model.key(Key::Char('l'))), "lock");
        model.key(Key::Down);
        assert_eq!(name(model.key(Key::Char('h'))), "lowerHand");
        assert_eq!(name(model.key(Key::Char('f'))), "giveFloor");
        let mut people = model.participants().to_vec();
        people[1].hand = None;
        model = self::model(people);
        model.key(Key::Down);
        assert_eq!(model.key(Key::Char('h')), None);
        assert!(model.notice.is_some_and(|notice| notice.bad));
    }

    #[test]
    fn ending_asks_first() {
        let mut model = two();
        assert_eq!(model.key(Key::Char('e')), None);
        assert_eq!(model.key(Key::Char('n')), None);
        assert_eq!(model.prompt, Prompt::None);
        model.key(Key::Char('e'));
        assert!(matches!(
            model.key(Key::Char('y')),
            Some(Wish::Command(Operation::End { .. }))
        ));
    }

    #[test]
    fn whom_to_add_is_typed() {
        let mut model = two();
        model.key(Key::Char('a'));
        for c in "carolx".chars() {
            assert_eq!(model.key(Key::Char(c)), None);
        }
        model.key(Key::Backspace);
        assert_eq!(model.prompt, Prompt::Add("carol".into()));
        match model.key(Key::Enter) {
            Some(Wish::Command(Operation::Add { participants, .. })) => {
                assert_eq!(shown(&participants[0]), "carol");
            }
            other => panic!("{other:?}"),
        }
        model.key(Key::Char('a'));
        model.key(Key::Char('q'));
        model.key(Key::Escape);
        assert_eq!(model.prompt, Prompt::None);
        assert_eq!(model.key(Key::Interrupt), Some(Wish::Leave));
    }
}
