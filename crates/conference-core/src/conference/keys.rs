//! What the keys of a telephone mean in the conference: `*5` hand, `*6` mute, `*1` help. Each is confirmed by a sentence that
//! only who pressed it hears. No code is the beginning of another.

use std::time::Instant;

use convoke_types::Role;
use convoke_types::bridge::BridgeCommand;
use convoke_types::media::Prompt;

use super::{Conference, Muted, Number};
use crate::context::Context;
use crate::limits::{KEY_CODE_WAIT, KEY_CODES_GAP};
use crate::trunks::Path;

/// What was pressed on one leg so far.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// When a star was pressed that waits for its digit.
    star: Option<Instant>,
    /// When the last code was complete.
    last: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Hand,
    Mute,
    Help,
}

impl Keys {
    /// Takes a key; the code that it completes, if any.
    fn press(&mut self, key: char, now: Instant) -> Option<Code> {
        let star = self.star.take();
        if key == '*' {
            self.star = Some(now);
            return None;
        }
        let in_time = |since: &Instant| now.saturating_duration_since(*since) <= KEY_CODE_WAIT;
        star.filter(in_time)?;
        let code = match key {
            '5' => Code::Hand,
            '6' => Code::Mute,
            '1' => Code::Help,
            _ => return None,
        };
        let too_soon = |last: Instant| now.saturating_duration_since(last) < KEY_CODES_GAP;
        if self.last.is_some_and(too_soon) {
            return None;
        }
        self.last = Some(now);
        Some(code)
    }
}

impl Conference {
    /// Somebody who is in pressed a key.
    pub(super) fn key(&mut self, cx: &mut Context, number: Number, key: char) {
        let Some(participant) = self.roster.get_mut(&number) else {
            return;
        };
        if !participant.leg.stage.is_in() {
            return;
        }
        let prompt = match participant.leg.keys.press(key, cx.now) {
            Some(Code::Hand) => self.key_hand(cx, number),
            Some(Code::Mute) => self.key_mute(cx, number),
            Some(Code::Help) => Prompt::KeyHelp,
            None => return,
        };
        self.announce(cx, number, prompt);
    }

    fn key_hand(&mut self, cx: &mut Context, number: Number) -> Prompt {
        if self.lower_hand(cx, number, None) {
            Prompt::HandDown
        } else {
            self.raise_hand(cx, number, None);
            Prompt::HandUp
        }
    }

    /// As the commands `mute` and `unmute` of the person themselves would.
    fn key_mute(&mut self, cx: &mut Context, number: Number) -> Prompt {
        let Some(participant) = self.roster.get(&number) else {
            return Prompt::KeyHelp;
        };
        let before = participant.muted;
        let moderates = matches!(participant.role, Role::Owner | Role::Moderator);
        let muted = match before.is_muted() {
            true => Muted {
                by_themselves: false,
                by_moderator: before.by_moderator && !moderates,
            },
            false => Muted {
                by_themselves: true,
                by_moderator: false,
            },
        };
        self.set_muted(cx, number, muted, None);
        match (muted.by_moderator, muted.by_themselves) {
            (true, _) => Prompt::MutedByModerator,
            (false, true) => Prompt::Muted,
            (false, false) => Prompt::Unmuted,
        }
    }

    /// Has a sentence spoken to somebody who is in on a telephone.
    pub(super) fn tell_telephone(&self, cx: &mut Context, number: Number, prompt: Prompt) {
        let participant = self.roster.get(&number);
        if participant.is_some_and(|one| one.leg.path != Path::Client && one.leg.stage.is_in()) {
            self.announce(cx, number, prompt);
        }
    }

    fn announce(&self, cx: &mut Context, number: Number, prompt: Prompt) {
        if let Some(participant) = self.roster.get(&number) {
            cx.bridge(BridgeCommand::Announce {
                leg: self.key_of(&participant.leg),
                prompt,
                language: participant.party.language.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(pressed: &[(u64, char)], codes: &[(u64, Code)]) {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can only be had from the clock; the test never looks at it again"
        )]
        let start = Instant::now();
        let mut keys = Keys::default();
        let mut came = Vec::new();
        for (ms, key) in pressed {
            let now = start + Duration::from_millis(*ms);
            came.extend(keys.press(*key, now).map(|code| (*ms, code)));
        }
        assert_eq!(came, codes, "{pressed:?}");
    }

    #[test]
    fn a_star_and_a_digit_within_three_seconds_are_a_code() {
        check(&[(0, '*'), (3_000, '5')], &[(3_000, Code::Hand)]);
        check(&[(0, '*'), (3_001, '5')], &[]);
        check(&[(0, '5'), (1, '6')], &[]);
        check(&[(0, '*'), (1, '*'), (2, '1')], &[(2, Code::Help)]);
        check(&[(0, '*'), (1, '9'), (2, '6')], &[]);
        check(
            &[(0, '*'), (1, '#'), (2, '*'), (3, '6')],
            &[(3, Code::Mute)],
        );
    }

    #[test]
    fn codes_that_no_hand_can_type_mean_nothing() {
        let keys = [
            (0, '*'),
            (1, '5'),
            (2, '*'),
            (3, '5'),
            (251, '*'),
            (252, '5'),
        ];
        check(&keys, &[(1, Code::Hand), (252, Code::Hand)]);
    }
}
