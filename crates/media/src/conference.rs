//! One conference on its media thread: its mix and the tick.

use std::time::Instant;

use media_core::mixer::{Mixer, PACKET_BYTES, Packet};
use media_core::{SampleClock, g711};
use rtrb::Producer;

use crate::config::Counters;
use crate::leg::Leg;
use crate::queue::{LegNumber, Notice};
use crate::seat::{Member, Seat};
use crate::web::WebLeg;

#[derive(Debug)]
pub(crate) struct Conference {
    pub mixer: Mixer,
    /// Places of the connected telephones' legs in the thread's table.
    pub phones: Vec<usize>,
    /// Places of the browsers' legs.
    pub webs: Vec<usize>,
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
            phones: Vec::new(),
            webs: Vec::new(),
            by_slot: Vec::new(),
            opened: 0,
            phase: 0,
        }
    }

    /// Whether nobody is connected.
    pub(crate) fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.webs.is_empty()
    }

    /// 20 ms: takes what each leg said, mixes, sends what each hears, tells what changed. Returns whether anything was
    /// told. What does not fit into the queue is told in a later tick, since only what was told counts as told. `now` is the
    /// time for the sessions of browsers.
    pub(crate) fn tick(
        &mut self,
        table: &mut [Option<Member>],
        clock: SampleClock,
        now: Instant,
        notices: &mut Producer<Notice>,
        counters: &Counters,
    ) -> bool {
        let mut told = false;
        for &place in &self.phones {
            let Some(leg) = phone(table, place) else {
                continue;
            };
            let silent = leg.count_quiet();
            told |= tell_silent(&mut leg.seat, silent, notices);
            if let (Some(slot), true) = (leg.seat.slot, leg.seat.joined) {
                self.mixer.input(slot, |frame| leg.pull(clock, frame));
            }
        }
        if !self.webs.is_empty() {
            told |= self.weigh(table, clock, notices);
        }

        self.mixer.mix();

        let mut scratch: Packet = [0; PACKET_BYTES];
        for &place in &self.phones {
            let Some(leg) = phone(table, place) else {
                continue;
            };
            let (Some(slot), Some(stream)) = (leg.seat.slot, leg.stream) else {
                continue;
            };
            let played = leg.play_frame(&mut scratch, g711::silence(stream.law));
            let packet = if played {
                &mut scratch
            } else {
                self.mixer.output(slot)
            };
            leg.send(packet, counters);
            told |= tell_progress(&mut leg.seat, played, notices);
        }
        for &place in &self.webs {
            let Some(leg) = web(table, place) else {
                continue;
            };
            let Some(slot) = leg.seat.slot else { continue };
            let played = leg.play_frame();
            let plays = played.is_some();
            let sound = played.unwrap_or_else(|| self.mixer.output_wide(slot));
            leg.send(sound, now, counters);
            // Before the browser has connected it has been sent nothing.
            let elsewhere = plays || !leg.connected();
            told |= tell_progress(&mut leg.seat, elsewhere, notices);
            if let Some(retired) = leg.retired.take()
                && let Err(rtrb::PushError::Full(Notice::Retired(retired))) =
                    notices.push(Notice::Retired(retired))
            {
                leg.retired = Some(retired);
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

    /// What browsers say: weighed first, and decoded only of those who are heard.
    fn weigh(
        &mut self,
        table: &mut [Option<Member>],
        clock: SampleClock,
        notices: &mut Producer<Notice>,
    ) -> bool {
        let mut told = false;
        for &place in &self.webs {
            let Some(leg) = web(table, place) else {
                continue;
            };
            let silent = leg.count_quiet();
            told |= tell_silent(&mut leg.seat, silent, notices);
            told |= tell_lost(leg, notices);
            if let Some(slot) = leg.seat.slot {
                let power = leg.due(clock).unwrap_or(0);
                self.mixer.offer(slot, power);
            }
        }
        self.mixer.choose();
        for &place in &self.webs {
            let Some(leg) = web(table, place) else {
                continue;
            };
            match leg.seat.slot {
                Some(slot) if self.mixer.is_heard(slot) => {
                    self.mixer.fill(slot, |frame| leg.take(frame));
                }
                _ => leg.skip(),
            }
        }
        told
    }
}

fn phone(table: &mut [Option<Member>], place: usize) -> Option<&mut Leg> {
    match table.get_mut(place)? {
        Some(Member::Phone(leg)) => Some(leg),
        _ => None,
    }
}

fn web(table: &mut [Option<Member>], place: usize) -> Option<&mut WebLeg> {
    match table.get_mut(place)? {
        Some(Member::Web(leg)) => Some(leg),
        _ => None,
    }
}

fn tell_silent(seat: &mut Seat, silent: Option<bool>, notices: &mut Producer<Notice>) -> bool {
    let Some(silent) = silent else { return false };
    let told = notices.push(Notice::Silent(seat.number, silent)).is_ok();
    if told {
        seat.silent_told = silent;
    }
    told
}

fn tell_lost(leg: &mut WebLeg, notices: &mut Producer<Notice>) -> bool {
    let lost = leg.is_lost();
    let told = lost != leg.lost_told && notices.push(Notice::Lost(leg.seat.number, lost)).is_ok();
    if told {
        leg.lost_told = lost;
    }
    told
}

/// Tells that the leg hears the mix, and that its prompt is over.
fn tell_progress(seat: &mut Seat, elsewhere: bool, notices: &mut Producer<Notice>) -> bool {
    let mut told = false;
    if seat.joined && !seat.joined_told && !elsewhere {
        seat.joined_told = notices.push(Notice::Joined(seat.number)).is_ok();
        told |= seat.joined_told;
    }
    if seat.prompt_done {
        seat.prompt_done = notices.push(Notice::PromptDone(seat.number)).is_err();
        told |= !seat.prompt_done;
    }
    told
}
