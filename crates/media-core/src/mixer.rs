//! The mix of one conference, 20 ms at a time.
//!
//! Of all legs only the loudest few are decoded, chosen by the energy of their codes. Everybody who is not among them
//! hears the same mix, coded once per codec; each of the few hears the mix without himself. Whoever is alone with his
//! voice hears silence. Nothing is gated by level: a single quiet speaker is heard as he is.
//!
//! Telephones' legs are narrow: coded samples at 8 kHz. With browsers' legs, which are wide, a mix gets a second half
//! ([`crate::wide`]); one without them never touches it. Wide legs are weighed before they are decoded: [`Mixer::offer`],
//! [`Mixer::choose`], [`Mixer::fill`] for each that [`Mixer::is_heard`], then [`Mixer::mix`].

use crate::FRAME_SAMPLES;
use crate::g711::{self, Law};
use crate::opus::WideFrame;
use crate::rtp::HEADER_BYTES;
use crate::vad::Vad;
use crate::wide::{Wide, WideSound, saturate};

/// Legs heard at the same time.
pub const MAX_HEARD: usize = 5;
/// Talking changes reported a second (and conference).
pub const MAX_CHANGES_PER_SECOND: usize = 5;

/// Bytes of an outgoing frame: room for the RTP header, then 20 ms of codes.
pub const PACKET_BYTES: usize = HEADER_BYTES + FRAME_SAMPLES;
/// Ticks in a second.
const TICKS_PER_SECOND: u64 = 50;
/// What stays of a leg's score with each quieter frame: it halves in 130 ms, so that syllables do not swap places.
const SCORE_DECAY: f32 = 0.9;
/// How much louder a leg must be to push out one that is heard (3 dB).
const SCORE_HYSTERESIS: f32 = 2.0;

/// A leg's place in the mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId(usize);

impl SlotId {
    /// A small number, used again after a leg is gone.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// An outgoing packet: the codes lie behind room for the RTP header, which each leg fills with its own.
pub type Packet = [u8; PACKET_BYTES];

/// What a leg speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Narrow(Law),
    Wide,
}

#[derive(Debug)]
struct Slot {
    used: bool,
    kind: Kind,
    muted: bool,
    isolated: bool,
    present: bool,
    /// Of a wide leg's frame, as far as it is known before it is decoded.
    power: u32,
    score: f32,
    heard: Option<usize>,
    was_heard: bool,
    vad: Vad,
    reported: bool,
}

/// One conference's mix. All buffers are made when legs are added; a tick allocates nothing.
#[derive(Debug)]
pub struct Mixer {
    slots: Vec<Slot>,
    inputs: Vec<[u8; FRAME_SAMPLES]>,
    free: Vec<usize>,
    /// The heard, loudest first.
    heard: [(usize, f32); MAX_HEARD],
    heard_count: usize,
    samples: [[i16; FRAME_SAMPLES]; MAX_HEARD],
    bus: [i32; FRAME_SAMPLES],
    /// For listeners, by law; coded when first asked for.
    shared: [Packet; 2],
    shared_ready: [bool; 2],
    /// For each of the heard, without himself.
    own: [Packet; MAX_HEARD],
    own_ready: [bool; MAX_HEARD],
    silence: [Packet; 2],
    /// The heard of this tick have been chosen.
    chosen: bool,
    /// Narrow slots.
    narrow: usize,
    wide: Option<Box<Wide>>,
    tick: u64,
    /// Ticks of the last changes told, oldest at `next_change`.
    changes: [Option<u64>; MAX_CHANGES_PER_SECOND],
    next_change: usize,
    differing: usize,
    search_from: usize,
}

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    /// A mix without legs.
    #[must_use]
    pub fn new() -> Self {
        let packet = |law| {
            let mut packet = [g711::silence(law); PACKET_BYTES];
            packet[..HEADER_BYTES].fill(0);
            packet
        };
        Self {
            slots: Vec::new(),
            inputs: Vec::new(),
            free: Vec::new(),
            heard: [(0, 0.0); MAX_HEARD],
            heard_count: 0,
            samples: [[0; FRAME_SAMPLES]; MAX_HEARD],
            bus: [0; FRAME_SAMPLES],
            shared: [[0; PACKET_BYTES]; 2],
            shared_ready: [false; 2],
            own: [[0; PACKET_BYTES]; MAX_HEARD],
            own_ready: [false; MAX_HEARD],
            silence: [packet(Law::Mu), packet(Law::A)],
            chosen: false,
            narrow: 0,
            wide: None,
            tick: 0,
            changes: [None; MAX_CHANGES_PER_SECOND],
            next_change: 0,
            differing: 0,
            search_from: 0,
        }
    }

    /// Adds a telephone's leg, isolated: it hears nobody and nobody hears it.
    pub fn add(&mut self, law: Law) -> SlotId {
        self.narrow += 1;
        self.add_slot(Kind::Narrow(law))
    }

    /// Makes the mix ready for wide legs; the second time it changes nothing.
    pub fn widen(&mut self, wide: Box<Wide>) {
        self.wide.get_or_insert(wide);
    }

    /// Adds a browser's leg, isolated; `None` unless the mix was made ready for it.
    pub fn add_wide(&mut self) -> Option<SlotId> {
        self.wide.as_mut()?.slots += 1;
        Some(self.add_slot(Kind::Wide))
    }

    fn add_slot(&mut self, kind: Kind) -> SlotId {
        let slot = Slot {
            used: true,
            kind,
            muted: false,
            isolated: true,
            present: false,
            power: 0,
            score: 0.0,
            heard: None,
            was_heard: false,
            vad: Vad::new(),
            reported: false,
        };
        if let Some(index) = self.free.pop() {
            self.slots[index] = slot;
            return SlotId(index);
        }
        self.slots.push(slot);
        self.inputs.push([0; FRAME_SAMPLES]);
        self.free.reserve(1);
        SlotId(self.slots.len() - 1)
    }

    /// Takes a leg out; its id is void.
    pub fn remove(&mut self, id: SlotId) {
        let Some(slot) = self.slots.get_mut(id.0).filter(|s| s.used) else {
            return;
        };
        slot.used = false;
        slot.present = false;
        slot.heard = None;
        slot.reported = false;
        slot.vad.hush();
        match slot.kind {
            Kind::Narrow(_) => self.narrow -= 1,
            Kind::Wide => {
                if let Some(wide) = &mut self.wide {
                    wide.slots -= 1;
                    wide.forget(id.0);
                }
            }
        }
        self.heard_count = 0;
        self.free.push(id.0);
    }

    /// Sets what a telephone's leg receives and sends.
    pub fn set_law(&mut self, id: SlotId, law: Law) {
        if let Some(slot) = self.slots.get_mut(id.0).filter(|s| s.kind != Kind::Wide) {
            slot.kind = Kind::Narrow(law);
            slot.present = false;
        }
    }

    /// Takes a leg's voice out of the mix, or lets it in again.
    pub fn set_muted(&mut self, id: SlotId, muted: bool) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.muted = muted;
            slot.score = 0.0;
        }
    }

    /// Cuts a leg off from the mix in both directions, or lets it in.
    pub fn set_isolated(&mut self, id: SlotId, isolated: bool) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.isolated = isolated;
            slot.score = 0.0;
        }
    }

    /// Lets the caller fill a leg's frame of this tick; `fill` returns whether it did. Legs that are not asked, or are
    /// not filled, are silent.
    pub fn input(&mut self, id: SlotId, fill: impl FnOnce(&mut [u8; FRAME_SAMPLES]) -> bool) {
        if let (Some(slot), Some(frame)) = (self.slots.get_mut(id.0), self.inputs.get_mut(id.0)) {
            slot.present = fill(frame);
        }
    }

    /// Says what power a wide leg's frame of this tick has. Legs that are not asked have none.
    pub fn offer(&mut self, id: SlotId, power: u32) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.power = power;
            slot.present = power > 0;
        }
    }

    /// Whether a leg is among the heard of this tick.
    #[must_use]
    pub fn is_heard(&self, id: SlotId) -> bool {
        self.slots.get(id.0).is_some_and(|s| s.heard.is_some())
    }

    /// Lets the caller decode the frame of a wide leg that is heard; `fill` returns whether it is anything but silence.
    pub fn fill(&mut self, id: SlotId, fill: impl FnOnce(&mut WideFrame) -> bool) {
        let place = self.slots.get(id.0).and_then(|slot| slot.heard);
        if let (Some(place), Some(wide)) = (place, &mut self.wide)
            && let (Some(samples), Some(present)) =
                (wide.samples.get_mut(place), wide.present.get_mut(place))
        {
            *present = fill(samples);
        }
    }

    /// Mixes what was put in, and begins the next tick.
    pub fn mix(&mut self) {
        if !std::mem::take(&mut self.chosen) {
            self.choose();
            self.chosen = false;
        }
        self.tick += 1;
        self.shared_ready = [false; 2];
        self.own_ready = [false; MAX_HEARD];
        self.bus = [0; FRAME_SAMPLES];
        let mut narrow_heard = false;
        for place in 0..self.heard_count {
            let index = self.heard[place].0;
            let slot = &self.slots[index];
            let samples = &mut self.samples[place];
            if let (true, Kind::Narrow(law)) = (slot.present, slot.kind) {
                narrow_heard = true;
                g711::decode_into(law, &self.inputs[index], samples);
                for (sum, &sample) in self.bus.iter_mut().zip(samples.iter()) {
                    *sum += i32::from(sample);
                }
            } else {
                samples.fill(0);
            }
        }
        for slot in &mut self.slots {
            slot.present = false;
        }
        if let Some(wide) = self.wide.as_mut().filter(|wide| wide.slots > 0) {
            wide.mix(&mut self.bus, narrow_heard, self.narrow > 0);
        }
    }

    /// What a telephone's leg hears in this tick. Legs that hear the same get the same packet: fill in the header and send
    /// it before asking for the next.
    pub fn output(&mut self, id: SlotId) -> &mut Packet {
        let Some((slot, code)) = self.slots.get(id.0).and_then(|slot| match slot.kind {
            Kind::Narrow(law) => Some((slot, law)),
            Kind::Wide => None,
        }) else {
            return &mut self.silence[0];
        };
        let law = law_index(code);
        if slot.isolated || self.heard_count == 0 {
            return &mut self.silence[law];
        }
        let Some(place) = slot.heard else {
            if !self.shared_ready[law] {
                encode_mix(code, &self.bus, None, &mut self.shared[law]);
                self.shared_ready[law] = true;
            }
            return &mut self.shared[law];
        };
        if self.heard_count == 1 {
            return &mut self.silence[law];
        }
        if !self.own_ready[place] {
            let without = Some(&self.samples[place]);
            encode_mix(code, &self.bus, without, &mut self.own[place]);
            self.own_ready[place] = true;
        }
        &mut self.own[place]
    }

    /// What a browser's leg hears in this tick.
    pub fn output_wide(&mut self, id: SlotId) -> WideSound {
        let slot = self.slots.get(id.0).filter(|slot| slot.kind == Kind::Wide);
        let (Some(slot), Some(wide)) = (slot, &mut self.wide) else {
            return WideSound::Silence;
        };
        if slot.isolated || self.heard_count == 0 {
            return WideSound::Silence;
        }
        match slot.heard {
            None => wide.listen(),
            Some(_) if self.heard_count == 1 => WideSound::Silence,
            Some(place) => wide.listen_without(id.0, place),
        }
    }

    /// The next change of who talks, if there is one and this second's number is not used up. What is held back is
    /// told later, if it still holds.
    pub fn poll_talking(&mut self) -> Option<(SlotId, bool)> {
        if self.differing == 0 {
            return None;
        }
        if self.changes[self.next_change].is_some_and(|at| self.tick < at + TICKS_PER_SECOND) {
            return None;
        }
        // Whoever was found last time comes last this time.
        let count = self.slots.len();
        let index = (0..count)
            .map(|i| (self.search_from + i) % count)
            .find(|&i| {
                let slot = &self.slots[i];
                slot.used && slot.vad.talking() != slot.reported
            })?;
        self.search_from = index + 1;
        self.differing -= 1;
        self.changes[self.next_change] = Some(self.tick);
        self.next_change = (self.next_change + 1) % MAX_CHANGES_PER_SECOND;
        let slot = &mut self.slots[index];
        slot.reported = slot.vad.talking();
        Some((SlotId(index), slot.reported))
    }

    /// Weighs all legs and keeps the loudest; those that are heard already weigh double. [`mix`](Self::mix) does it if
    /// nobody did.
    pub fn choose(&mut self) {
        self.chosen = true;
        self.heard_count = 0;
        self.differing = 0;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.was_heard = slot.heard.take().is_some();
            if !slot.used {
                continue;
            }
            if slot.isolated || slot.muted {
                slot.vad.hush();
                slot.score = 0.0;
            } else {
                let power = match slot.kind {
                    _ if !slot.present => 0,
                    Kind::Narrow(law) => g711::mean_square(law, &self.inputs[index]),
                    Kind::Wide => slot.power,
                };
                slot.vad.frame(power);
                #[expect(clippy::cast_precision_loss, reason = "a level")]
                let power = power as f32;
                // Under the least power that any sound has, the score is over.
                let faded = slot.score * SCORE_DECAY;
                slot.score = power.max(if faded < 1.0 { 0.0 } else { faded });
            }
            self.differing += usize::from(slot.vad.talking() != slot.reported);
            if slot.score > 0.0 {
                let weight = slot.score
                    * if slot.was_heard {
                        SCORE_HYSTERESIS
                    } else {
                        1.0
                    };
                insert(&mut self.heard, &mut self.heard_count, index, weight);
            }
        }
        for place in 0..self.heard_count {
            self.slots[self.heard[place].0].heard = Some(place);
        }
        if let Some(wide) = &mut self.wide {
            wide.present = [false; MAX_HEARD];
            wide.release(|slot| self.slots.get(slot).is_some_and(|s| s.heard.is_some()));
        }
    }
}

/// Keeps `heard` sorted, loudest first, and at most as many as fit.
fn insert(heard: &mut [(usize, f32); MAX_HEARD], count: &mut usize, index: usize, weight: f32) {
    let place = heard[..*count]
        .iter()
        .position(|h| weight > h.1)
        .unwrap_or(*count);
    if place == MAX_HEARD {
        return;
    }
    *count = (*count + 1).min(MAX_HEARD);
    heard[place..*count].rotate_right(1);
    heard[place] = (index, weight);
}

fn encode_mix(
    law: Law,
    bus: &[i32; FRAME_SAMPLES],
    without: Option<&[i16; FRAME_SAMPLES]>,
    packet: &mut Packet,
) {
    let mut samples = [0_i16; FRAME_SAMPLES];
    match without {
        Some(own) => {
            for ((sample, &sum), &own) in samples.iter_mut().zip(bus).zip(own) {
                *sample = saturate(sum - i32::from(own));
            }
        }
        None => {
            for (sample, &sum) in samples.iter_mut().zip(bus) {
                *sample = saturate(sum);
            }
        }
    }
    g711::encode_into(law, &samples, &mut packet[HEADER_BYTES..]);
}

const fn law_index(law: Law) -> usize {
    match law {
        Law::Mu => 0,
        Law::A => 1,
    }
}

#[cfg(test)]
#[path = "mixer_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "wide_tests.rs"]
mod wide_tests;
