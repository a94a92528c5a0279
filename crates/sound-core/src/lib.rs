//! Which bridge mixes the sound of which conference, where there are several (architecture, decision 8), and what another one is asked
//! when it has to go on in the place of one that is lost.
//!
//! ```text
//!  telephony, browsers' calls ──MediaCommand──► Sound ──MediaCommand──► the conference's bridge
//!                             ◄──── News ─────        ◄──MediaEvent───
//! ```
//!
//! Who owns the dialogs commands as if there were one bridge. Of each leg is kept what was asked of its bridge and holds still (that it
//! is in the mix, muted, hears a sentence). Once a bridge is lost, its conferences are placed on others. There a port is reserved for each
//! telephone, and [`MediaEvent::Opened`] tells it a second time: its dialog's owner offers it to the telephone and connects it, and the rest is
//! asked for here. A browser makes a fresh offer by itself (`Reoffer`), which the other bridge takes for a new one (`OpenWeb`).
//!
//! Pure: commands, events and what bridges say of themselves go in; commands and news come out. Nothing here takes time.
//!
//! [`MediaEvent::Opened`]: convoke_types::media::MediaEvent::Opened

mod bridge;
mod leg;
mod sound;

pub use sound::{News, Output, Sound};
