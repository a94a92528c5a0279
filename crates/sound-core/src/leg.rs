//! What holds of a leg, for a bridge that has to carry it in the place of another one.

use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent, Prompt};

/// Where a leg stands with the bridge that carries its conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It was asked for; of a browser with this offer.
    Asked(Option<String>),
    /// It was made.
    Made,
    /// The bridge that had it is lost, and this one is asked for a port.
    Reserved,
    /// It has the port: the telephone is told, and connected by who owns its dialog.
    Elsewhere,
    /// Likewise a browser, which has to make an offer first.
    Awaited,
    /// It has made this one, which is asked of the bridge.
    Offered(String),
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub stands: Stands,
    /// A browser's.
    pub web: bool,
    /// In the mix, or to be.
    pub joined: bool,
    pub muted: bool,
    /// A browser's offers of changes that the bridge has not answered: the last, and how many.
    pub changing: Option<(String, usize)>,
    /// Asked anew of another bridge, before the first had made it.
    anew: bool,
    /// The sentence that it hears: which, in which language, how many times.
    pub hears: Option<(Prompt, String, u8)>,
    pub talks: bool,
    pub silent: bool,
    /// A browser's that was told lost with its bridge.
    pub lost: bool,
}

impl Leg {
    pub fn new(offer: Option<String>) -> Self {
        Self {
            web: offer.is_some(),
            stands: Stands::Asked(offer),
            joined: false,
            muted: false,
            changing: None,
            anew: false,
            hears: None,
            talks: false,
            silent: false,
            lost: false,
        }
    }

    /// Whether its bridge knows it, so that it can be commanded.
    pub fn is_there(&self) -> bool {
        matches!(self.stands, Stands::Asked(_) | Stands::Made)
    }

    /// Keeps what a command changes.
    pub fn commanded(&mut self, command: &MediaCommand) {
        match command {
            MediaCommand::Play {
                prompt,
                language,
                repeat,
                ..
            } => self.hears = Some((*prompt, language.clone(), *repeat)),
            MediaCommand::Join { .. } => {
                self.joined = true;
                self.hears = None;
            }
            MediaCommand::Mute { on, .. } => self.muted = *on,
            MediaCommand::Reoffer { offer, .. } => {
                let before = self.changing.take().map_or(0, |(_, count)| count);
                self.changing = Some((offer.clone(), before.saturating_add(1)));
            }
            MediaCommand::Open { .. }
            | MediaCommand::OpenWeb { .. }
            | MediaCommand::Connect { .. }
            | MediaCommand::Close { .. }
            | MediaCommand::CloseMix { .. } => {}
        }
    }

    /// Keeps what an event changes; gives what is asked of the bridge then, and what is told besides.
    pub fn happened(&mut self, event: &MediaEvent) -> (Vec<MediaCommand>, Option<MediaEvent>) {
        match event {
            MediaEvent::Opened { leg, .. } | MediaEvent::OpenedWeb { leg, .. } => {
                match self.stands {
                    Stands::Asked(_) => {
                        self.stands = Stands::Made;
                        if std::mem::take(&mut self.anew) {
                            return (self.again(leg), None);
                        }
                    }
                    Stands::Offered(_) => {
                        self.stands = Stands::Made;
                        return (self.again(leg), None);
                    }
                    Stands::Reserved => self.stands = Stands::Elsewhere,
                    Stands::Made => self.change_is_answered(),
                    Stands::Elsewhere | Stands::Awaited => {}
                }
            }
            // It may make another offer.
            MediaEvent::Failed { .. } if matches!(self.stands, Stands::Offered(_)) => {
                self.stands = Stands::Awaited;
            }
            MediaEvent::Failed { .. } => self.change_is_answered(),
            MediaEvent::Joined { leg } if std::mem::take(&mut self.lost) => {
                let back = MediaEvent::Lost {
                    leg: leg.clone(),
                    on: false,
                };
                return (Vec::new(), Some(back));
            }
            MediaEvent::PromptDone { .. } => self.hears = None,
            MediaEvent::Talking { on, .. } => self.talks = *on,
            MediaEvent::Silent { on, .. } => self.silent = *on,
            MediaEvent::Joined { .. }
            | MediaEvent::Key { .. }
            | MediaEvent::Lost { .. }
            | MediaEvent::Closed { .. }
            | MediaEvent::Gone { .. } => {}
        }
        (Vec::new(), None)
    }

    fn change_is_answered(&mut self) {
        let more = self.changing.take().filter(|(_, count)| *count > 1);
        self.changing = more.map(|(offer, count)| (offer, count.saturating_sub(1)));
    }

    /// What the bridge is asked once it has the leg, so that it is as it was.
    pub fn again(&self, leg: &LegKey) -> Vec<MediaCommand> {
        let leg = || leg.clone();
        let mute = self.muted.then(|| MediaCommand::Mute {
            leg: leg(),
            on: true,
        });
        let join = self.joined.then(|| MediaCommand::Join { leg: leg() });
        let hears = self.hears.clone();
        let play = hears.map(|(prompt, language, repeat)| MediaCommand::Play {
            leg: leg(),
            prompt,
            language,
            repeat,
        });
        [mute, join, play].into_iter().flatten().collect()
    }

    /// The bridge that had it is lost, and another one has its conference: what is asked of that at once, and what is told of the leg.
    pub fn moved(&mut self, leg: &LegKey) -> (Option<MediaCommand>, Vec<MediaEvent>) {
        let leg = || leg.clone();
        let mut told = Vec::new();
        if std::mem::take(&mut self.talks) {
            told.push(MediaEvent::Talking {
                leg: leg(),
                on: false,
            });
        }
        if std::mem::take(&mut self.silent) {
            told.push(MediaEvent::Silent {
                leg: leg(),
                on: false,
            });
        }
        let changing = self.changing.take();
        let was = std::mem::replace(&mut self.stands, Stands::Awaited);
        if self.web && !matches!(was, Stands::Asked(_)) {
            self.lost = true;
            told.push(MediaEvent::Lost {
                leg: leg(),
                on: true,
            });
        }
        let (changing, count) = changing.unzip();
        let offers = usize::from(matches!(was, Stands::Offered(_)))
            .saturating_add(count.unwrap_or_default());
        // The last one is asked for, and each has its answer.
        for _ in 1..offers {
            told.push(MediaEvent::Failed {
                leg: leg(),
                words: "another offer has come".to_owned(),
            });
        }
        let open = || MediaCommand::Open { leg: leg() };
        let open_web = |offer| MediaCommand::OpenWeb { leg: leg(), offer };
        self.anew |= matches!(was, Stands::Asked(_));
        let (stands, command) = match (was, changing) {
            (Stands::Asked(None), _) => (Stands::Asked(None), Some(open())),
            (Stands::Asked(Some(offer)), _) => {
                (Stands::Asked(Some(offer.clone())), Some(open_web(offer)))
            }
            (Stands::Offered(offer), None) | (_, Some(offer)) => {
                (Stands::Offered(offer.clone()), Some(open_web(offer)))
            }
            (_, None) if self.web => (Stands::Awaited, None),
            (_, None) => (Stands::Reserved, Some(open())),
        };
        self.stands = stands;
        (command, told)
    }
}
