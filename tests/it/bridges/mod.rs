//! Media bridges: what each must do with the sound of telephones, tried on ours and on Janus' AudioBridge, which is exchanged for it.

pub mod linked;
pub mod look;
mod moving;
mod sound;
pub mod stage;
pub mod telephones;
