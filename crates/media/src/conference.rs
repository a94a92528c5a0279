//! One conference on its media thread: its mix and the tick.

use convoke_types::media::Codec;
use media_core::mixer::{Mixer, PACKET_BYTES, Packet};
use media_core::{SampleClock, g711};
use rtrb::Producer;

use crate::config::Counters;
use crate::leg::Leg;
use crate::queue::{LegNumber, Notice};

#[derive(Debug)]
pub(crate) struct Conference {
    pub mixer: Mixer,
    /// Places of the connected legs in the thread's table.
    pub legs: Vec<usize>,
    /// Leg numbers by place in the mixer.
    pub by_slot: Vec<LegNumber>,
    /// Legs opened, connected or not.
    pub opened: usize,
    /// The part of the 20 ms in which it ticks.
    pub phase: usize,
}

impl Conference {
    pub(crate) fn new() -> Self {
        Self {
            mixer: Mixer::new(),
            legs: Vec::new(),
            by_slot: Vec::new(),
            opened: 0,
            phase: 0,
        }
    }

    /// 20 ms: takes what each leg said, mixes, sends what each hears, tells what changed. Returns whether anything was
    /// told. What does not fit into the queue is told in a later tick, since only what was told counts as told.
    pub(crate) fn tick(
        &mut self,
        table: &mut [Option<Box<Leg>>],
        now: SampleClock,
        notices: &mut Producer<Notice>,
        counters: &Counters,
    ) -> bool {
        let mut told = false;
        for &place in &self.legs {
            let Some(leg) = table.get_mut(place).and_then(Option::as_deref_mut) else {
                continue;
            };
            if let Some(silent) = leg.count_quiet()
                && notices.push(Notice::Silent(leg.number, silent)).is_ok()
            {
                leg.silent_told = silent;
                told = true;
            }
            if let (Some(slot), true) = (leg.slot, leg.joined) {
                self.mixer.input(slot, |frame| leg.pull(now, frame));
            }
        }

        self.mixer.mix();

        let mut scratch: Packet = [0; PACKET_BYTES];
        for &place in &self.legs {
            let Some(leg) = table.get_mut(place).and_then(Option::as_deref_mut) else {
                continue;
            };
            let (Some(slot), Some(stream)) = (leg.slot, leg.stream) else {
                continue;
            };
            let codec: Codec = stream.codec;
            let played = leg.play_frame(&mut scratch, g711::silence(codec));
            let packet = if played {
                &mut scratch
            } else {
                self.mixer.output(slot)
            };
            leg.send(packet, counters);
            if leg.joined && !leg.joined_told && !played {
                leg.joined_told = notices.push(Notice::Joined(leg.number)).is_ok();
                told |= leg.joined_told;
            }
            if leg.prompt_done {
                leg.prompt_done = notices.push(Notice::PromptDone(leg.number)).is_err();
                told |= !leg.prompt_done;
            }
        }

        while notices.slots() > 0 {
            let Some((slot, on)) = self.mixer.poll_talking() else {
                break;
            };
            if let Some(&leg) = self.by_slot.get(slot.index()) {
                told |= notices.push(Notice::Talking(leg, on)).is_ok();
            }
        }
        told
    }
}
