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
    /// The bridge that had it is lost, and this one has its port: its telephone has to be told.
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
            MediaCommand::Open { .. }
            | MediaCommand::OpenWeb { .. }
            | MediaCommand::Reoffer { .. }
            | MediaCommand::Connect { .. }
            | MediaCommand::Close { .. }
            | MediaCommand::CloseMix { .. } => {}
        }
    }

    /// Keeps what an event changes; gives what is asked of the bridge then, and what is told besides.
    pub fn happened(&mut self, event: &MediaEvent) -> (Vec<MediaCommand>, Option<MediaEvent>) {
        match event {
            MediaEvent::Opened { .. } | MediaEvent::OpenedWeb { .. } => match self.stands {
                Stands::Asked(_) => self.stands = Stands::Made,
                Stands::Offered(_) => {
                    self.stands = Stands::Made;
                    return (
                        event.leg().map_or_else(Vec::new, |leg| self.again(leg)),
                        None,
                    );
                }
                Stands::Made | Stands::Elsewhere | Stands::Awaited => {}
            },
            // It may make another offer.
            MediaEvent::Failed { .. } if matches!(self.stands, Stands::Offered(_)) => {
                self.stands = Stands::Awaited;
            }
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
            MediaEvent::Failed { .. }
            | MediaEvent::Joined { .. }
            | MediaEvent::Key { .. }
            | MediaEvent::Lost { .. }
            | MediaEvent::Closed { .. }
            | MediaEvent::Gone { .. } => {}
        }
        (Vec::new(), None)
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
        let command = match (&self.stands, self.web) {
            (Stands::Asked(Some(offer)) | Stands::Offered(offer), _) => {
                Some(MediaCommand::OpenWeb {
                    leg: leg(),
                    offer: offer.clone(),
                })
            }
            (_, false) => {
                if self.stands == Stands::Made {
                    self.stands = Stands::Elsewhere;
                }
                Some(MediaCommand::Open { leg: leg() })
            }
            (_, true) => {
                self.stands = Stands::Awaited;
                self.lost = true;
                told.push(MediaEvent::Lost {
                    leg: leg(),
                    on: true,
                });
                None
            }
        };
        (command, told)
    }
}
