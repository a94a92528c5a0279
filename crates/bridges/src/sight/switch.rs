//! What one room sees: the pictures of several people as one stream of RTP, changed over where somebody's picture begins whole. Packets of
//! several units, in which browsers send what goes before a whole picture, are sent as one for each: there are rooms that ask for them
//! (RFC 6184 §6.3) and do not read them. Pure.

use std::time::{Duration, Instant};

/// RTP clock of pictures, in ticks a millisecond (RFC 6184 §8.1).
const TICKS_PER_MS: u128 = 90;
/// The least step of time between two people's pictures, in ticks: that of 30 pictures a second.
const STEP_MIN: u32 = 3_000;
/// How often somebody is asked again for a whole picture that does not come.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Kinds of units of H.264 (RFC 6184 §5.2): a sequence parameter set, with which a whole picture begins; several units in a packet; a part
/// of one.
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// See the module. `K` names people's pictures.
#[derive(Debug)]
pub(super) struct Switch<K> {
    shown: Option<Shown<K>>,
    wanted: Option<K>,
    asked: Option<Instant>,
    /// The sequence number after the highest that was sent, and the time of the last packet with the moment of its sending.
    next: u16,
    last: Option<(u32, Instant)>,
}

#[derive(Debug)]
struct Shown<K> {
    whose: K,
    /// What is added to their numbers and times.
    sequence: u16,
    time: u32,
    /// The last packet that became several, and what was added to numbers up to it.
    split: Option<(u16, u16)>,
}

impl<K> Shown<K> {
    /// What is added to a number of theirs, of a packet that becomes so many.
    fn add(&mut self, sequence: u16, parts: u16) -> u16 {
        let before = |(last, _): &(u16, u16)| sequence.wrapping_sub(*last).cast_signed() <= 0;
        if let Some((_, added)) = self.split.filter(before) {
            return added;
        }
        let added = self.sequence;
        if parts > 1 {
            self.split = Some((sequence, added));
            self.sequence = added.wrapping_add(parts - 1);
        }
        added
    }
}

/// The place in the stream that the room sees, of a packet or of the first of those that it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub sequence: u16,
    pub time: u32,
}

impl<K: Clone + PartialEq> Switch<K> {
    pub fn new() -> Self {
        Self {
            shown: None,
            wanted: None,
            asked: None,
            next: 0,
            last: None,
        }
    }

    /// Whose picture is seen, or is to be.
    pub fn whose(&self) -> Option<&K> {
        let shown = self.shown.as_ref().map(|shown| &shown.whose);
        self.wanted.as_ref().or(shown)
    }

    /// This picture is to be seen as soon as it begins whole.
    pub fn want(&mut self, whose: K) {
        let shown = self.shown.as_ref().map(|shown| &shown.whose);
        self.wanted = (shown != Some(&whose)).then_some(whose);
        self.asked = None;
    }

    /// This picture is over.
    pub fn forget(&mut self, whose: &K) {
        self.wanted.take_if(|wanted| wanted == whose);
        self.shown.take_if(|shown| shown.whose == *whose);
    }

    /// All pictures are over; the stream goes on with the next.
    pub fn clear(&mut self) {
        self.wanted = None;
        self.shown = None;
        self.asked = None;
    }

    /// Whose whole picture is to be asked for now.
    pub fn ask(&mut self, now: Instant) -> Option<K> {
        let wanted = self.wanted.clone()?;
        if self.asked.is_some_and(|at| now < at + ASK_EVERY) {
            return None;
        }
        self.asked = Some(now);
        Some(wanted)
    }

    /// When `ask` wants to be called again.
    pub fn ask_at(&self) -> Option<Instant> {
        self.wanted.as_ref()?;
        self.asked.map(|at| at + ASK_EVERY)
    }

    /// A packet of somebody's picture, which becomes those with these payloads; `None`: the room does not see it.
    pub fn take(
        &mut self,
        whose: &K,
        sequence: u16,
        time: u32,
        payloads: &[&[u8]],
        now: Instant,
    ) -> Option<Place> {
        let whole = || payloads.iter().any(|payload| begins_whole(payload));
        if self.wanted.as_ref() == Some(whose) && whole() {
            let since = |last| time_after(last, now);
            self.shown = Some(Shown {
                whose: whose.clone(),
                sequence: self.next.wrapping_sub(sequence),
                time: self.last.map_or(time, since).wrapping_sub(time),
                split: None,
            });
            self.wanted = None;
        }
        let shown = self.shown.as_mut().filter(|shown| shown.whose == *whose)?;
        let parts = u16::try_from(payloads.len()).unwrap_or(1);
        let place = Place {
            sequence: sequence.wrapping_add(shown.add(sequence, parts)),
            time: time.wrapping_add(shown.time),
        };
        // One that comes late is before what was sent already (RFC 1982).
        if place.sequence.wrapping_sub(self.next) < 0x8000 {
            self.next = place.sequence.wrapping_add(parts);
            self.last = Some((place.time, now));
        }
        Some(place)
    }
}

/// The time of what is sent now where the last packet was another picture's: its time, and the moment of its sending.
pub(super) fn time_after((last, at): (u32, Instant), now: Instant) -> u32 {
    let passed = now.saturating_duration_since(at).as_millis() * TICKS_PER_MS;
    let passed = u32::try_from(passed).unwrap_or(u32::MAX).max(STEP_MIN);
    last.wrapping_add(passed)
}

/// Whether a whole picture begins with this payload.
fn begins_whole(payload: &[u8]) -> bool {
    let kind = |header: &u8| header & 0x1f;
    match payload {
        [header, ..] if kind(header) == SPS => true,
        [header, part, ..] if kind(header) == FU_A => part & 0x80 != 0 && kind(part) == SPS,
        _ => false,
    }
}

/// The payloads that a packet becomes: the units of one of several, each of which stands after its length (RFC 6184 §5.7.1), or itself.
pub(super) fn units_of(payload: &[u8]) -> Vec<&[u8]> {
    let [header, rest @ ..] = payload else {
        return vec![payload];
    };
    let mut units = Vec::new();
    let mut rest = match header & 0x1f {
        STAP_A => rest,
        _ => &[],
    };
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((unit, after)) = after.split_at_checked(length).filter(|_| length > 0) else {
            // Whoever reads it will know what to make of it.
            return vec![payload];
        };
        units.push(unit);
        rest = after;
    }
    match units.is_empty() || !rest.is_empty() {
        true => vec![payload],
        false => units,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[&[u8]] = &[&[0x67, 1, 2]];
    const PART: &[&[u8]] = &[&[0x41, 1, 2]];

    fn place(sequence: u16, time: u32) -> Option<Place> {
        Some(Place { sequence, time })
    }

    #[test]
    fn a_whole_picture_is_told_from_the_rest() {
        let units = [0x78, 0, 2, 0x09, 0x10, 0, 3, 0x67, 1, 2];
        for (payload, whole) in [
            (WHOLE[0], true),
            (PART[0], false),
            (&units, true),
            (&units[..5], false),
            (&[0x78, 0xff, 0xff, 0x67], false),
            (&[0x7c, 0x87, 1], true),
            (&[0x7c, 0x07, 1], false),
            (&[0x7c, 0x85, 1], false),
            (&[0x7c], false),
            (&[], false),
        ] {
            let mut units = units_of(payload).into_iter();
            assert_eq!(units.any(begins_whole), whole, "{payload:?}");
        }
    }

    #[test]
    fn a_packet_of_several_units_becomes_several() {
        let both = [0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68];
        assert_eq!(units_of(&both), [&both[3..5], &both[7..]]);
        for whole in [&both[..6], &both[..4], &[0x78], &[0x78, 0, 0], PART[0], &[]] {
            assert_eq!(units_of(whole), [whole]);
        }
        let now = runtime::clock::now();
        let mut switch = Switch::new();
        switch.want('a');
        let both = units_of(&both);
        let mut at = |sequence: u16, payloads: &[&[u8]]| {
            let place = switch.take(&'a', sequence, 0, payloads, now);
            place.map(|place| place.sequence)
        };
        assert_eq!(at(9, &both), Some(0));
        assert_eq!(at(10, PART), Some(2));
        assert_eq!(at(12, &both), Some(4));
        // What is late, or comes again, has the place that it had.
        assert_eq!(at(11, PART), Some(3));
        assert_eq!(at(12, &both), Some(4));
        assert_eq!(at(13, PART), Some(6));
    }

    #[test]
    fn the_stream_goes_on_where_somebody_elses_picture_begins_whole() {
        let begin = runtime::clock::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut switch = Switch::new();
        assert_eq!(switch.take(&'a', 7, 100, WHOLE, at(0)), None);
        switch.want('a');
        assert_eq!(switch.ask(at(0)), Some('a'));
        assert_eq!(switch.ask(at(999)), None);
        assert_eq!(switch.ask(at(1000)), Some('a'));
        assert_eq!(switch.take(&'a', 65_534, 100, PART, at(0)), None);
        assert_eq!(switch.take(&'a', 65_535, 100, WHOLE, at(0)), place(0, 100));
        assert_eq!(switch.ask(at(5000)), None);
        assert_eq!(switch.take(&'a', 0, 100, PART, at(0)), place(1, 100));
        // The other is not seen before it is whole, and this one until then.
        switch.want('b');
        assert_eq!(switch.whose(), Some(&'b'));
        assert_eq!(switch.take(&'b', 500, 9, PART, at(40)), None);
        assert_eq!(switch.take(&'a', 2, 3_100, PART, at(40)), place(3, 3_100));
        let whole = switch.take(&'b', 501, 4_000, WHOLE, at(100));
        assert_eq!(whole, place(4, 3_100 + 60 * 90));
        // A late one of theirs keeps its place, and of the other nothing is seen any more.
        assert_eq!(
            switch.take(&'b', 503, 4_000, PART, at(101)),
            place(6, 8_500)
        );
        assert_eq!(
            switch.take(&'b', 502, 4_000, PART, at(102)),
            place(5, 8_500)
        );
        assert_eq!(
            switch.take(&'b', 504, 4_000, PART, at(103)),
            place(7, 8_500)
        );
        assert_eq!(switch.take(&'a', 3, 6_100, PART, at(110)), None);
        // Nobody is left.
        switch.forget(&'b');
        assert_eq!(switch.whose(), None);
        assert_eq!(switch.take(&'b', 505, 1, WHOLE, at(120)), None);
        // Who is asked for and shown already needs nothing.
        switch.want('a');
        assert!(switch.take(&'a', 9, 1, WHOLE, at(130)).is_some());
        switch.want('a');
        assert_eq!(switch.ask(at(140)), None);
    }

    #[test]
    fn nothing_of_an_ended_connection_is_seen_or_wanted() {
        let begin = runtime::clock::now();
        let mut switch = Switch::new();
        switch.want('a');
        assert_eq!(switch.take(&'a', 7, 100, WHOLE, begin), place(0, 100));
        switch.want('b');
        assert_eq!(switch.ask(begin), Some('b'));
        switch.clear();
        assert_eq!((switch.whose(), switch.ask_at()), (None, None));
        assert_eq!(switch.take(&'a', 8, 100, PART, begin), None);
        // The next is asked for at once, and goes on after what the room has.
        switch.want('a');
        assert_eq!(switch.ask(begin), Some('a'));
        let whole = switch.take(&'a', 500, 9, WHOLE, begin);
        assert_eq!(whole, place(1, 100 + STEP_MIN));
    }
}
