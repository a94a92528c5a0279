//! Who is what in the conference, whether it is locked, where its pictures are, and that its sound has moved.

use convoke_types::limits::BRIDGE_WORDS_MAX_CHARS;
use convoke_types::report::Change;
use convoke_types::{CommandId, Role, VideoServerName};

use super::{Conference, Number};
use crate::context::Context;

impl Conference {
    /// Gives somebody a moderator's rights, who has not more already.
    pub(crate) fn make_moderator(
        &mut self,
        cx: &mut Context,
        number: Number,
        command: Option<CommandId>,
    ) {
        let role = self.roster.get(&number).map(|one| one.role);
        if role == Some(Role::Participant) {
            self.set_role(cx, number, Role::Moderator, command);
        }
    }

    /// Makes somebody who is in the owner, the former owner a moderator.
    pub(crate) fn pass_on(&mut self, cx: &mut Context, heir: Number, command: Option<CommandId>) {
        let former = std::mem::replace(&mut self.owner, heir);
        self.set_role(cx, former, Role::Moderator, command.clone());
        self.set_role(cx, heir, Role::Owner, command);
        // An owner who is in is what the others were waiting for.
        if !self.others_due {
            self.make_others_due(cx);
        }
        self.strike_removed(cx, former);
    }

    /// The moderator who has been on the roster longest and is in the call.
    pub(super) fn heir(&self) -> Option<Number> {
        let mut all = self.roster.iter();
        let found = all.find(|(_, one)| one.role == Role::Moderator && one.leg.stage.is_in());
        found.map(|(number, _)| *number)
    }

    /// Locks the conference or opens it again.
    pub(crate) fn set_locked(&mut self, cx: &mut Context, on: bool, command: CommandId) {
        if self.locked != on {
            self.locked = on;
            self.report(cx, None, Change::Locked { on }, Some(command));
        }
    }

    /// Lets nobody see somebody's pictures, or again everybody.
    pub(crate) fn set_hidden(
        &mut self,
        cx: &mut Context,
        number: Number,
        on: bool,
        command: CommandId,
    ) {
        let one = self.roster.get_mut(&number);
        if let Some(one) = one.filter(|one| one.hidden != on) {
            one.hidden = on;
            self.report(cx, Some(number), Change::Hidden { on }, Some(command));
        }
    }

    /// The pictures are at this server, or are lost. The last one is remembered: they may come back there.
    pub(crate) fn set_pictures(
        &mut self,
        cx: &mut Context,
        video: Option<VideoServerName>,
        words: Option<&str>,
        command: CommandId,
    ) {
        let same = match &video {
            Some(_) => self.video == video && !self.pictures_lost,
            None => self.pictures_lost,
        };
        if same {
            return;
        }
        self.pictures_lost = video.is_none();
        if video.is_some() {
            self.video.clone_from(&video);
        }
        let words = words
            .unwrap_or_default()
            .chars()
            .take(BRIDGE_WORDS_MAX_CHARS);
        let words = words.collect();
        let change = Change::Pictures { video, words };
        self.report(cx, None, change, Some(command));
    }

    /// Another bridge mixes the sound.
    pub(crate) fn sound_moved(&mut self, cx: &mut Context, words: &str) {
        if self.ending.is_some() {
            return;
        }
        self.sound_moves = self.sound_moves.saturating_add(1);
        let words = words.chars().take(BRIDGE_WORDS_MAX_CHARS).collect();
        self.report(cx, None, Change::Sound { words }, None);
    }

    fn set_role(
        &mut self,
        cx: &mut Context,
        number: Number,
        role: Role,
        command: Option<CommandId>,
    ) {
        if let Some(participant) = self.roster.get_mut(&number) {
            participant.role = role;
            self.report(cx, Some(number), Change::Role, command);
        }
    }
}
