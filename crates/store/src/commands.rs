//! The answers of commands, so that a repeat within ten minutes gets the first one and dials nobody twice, also after a restart.

use convoke_types::limits::COMMAND_REPEAT_WINDOW_S;
use convoke_types::{Aor, CommandId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Store, StoreError, UnixMs};

const REPEAT_WINDOW_MS: i64 = COMMAND_REPEAT_WINDOW_S.cast_signed() * 1000;

/// The answer to one command of one actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandAnswer {
    /// The client's id of the command.
    pub command: CommandId,
    /// Who gave it: two actors may use the same id.
    pub actor: Aor,
    /// Digest of the request: the same id with another content is a fault, not a repeat.
    pub fingerprint: Vec<u8>,
    /// The answer, as it was sent.
    pub answer: Vec<u8>,
    /// When.
    pub at: UnixMs,
}

/// What became of an answer that was to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It is the first: it is durable, and its effects may begin.
    First,
    /// The command was answered within the window before: this answer counts.
    Before(CommandAnswer),
}

impl Store {
    /// Stores an answer, unless the same actor's same command was answered within the ten minutes before `answer.at`.
    pub async fn save_answer(&self, answer: CommandAnswer) -> Result<Answered, StoreError> {
        self.write(move |cx| {
            if let Some(before) = find(cx.conn, &answer.command, &answer.actor, answer.at)? {
                return Ok(Answered::Before(before));
            }
            cx.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO command_answers (command, actor, fingerprint, answer, at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    answer.command.as_str(),
                    answer.actor.to_string(),
                    answer.fingerprint,
                    answer.answer,
                    answer.at
                ])?;
            Ok(Answered::First)
        })
        .await
    }

    /// The answer given within the ten minutes before `now`.
    pub async fn answer(
        &self,
        command: &CommandId,
        actor: &Aor,
        now: UnixMs,
    ) -> Result<Option<CommandAnswer>, StoreError> {
        let (command, actor) = (command.clone(), actor.clone());
        self.read(move |conn| find(conn, &command, &actor, now))
            .await
    }

    /// Forgets the answers that are out of the window at `now`; returns how many.
    pub async fn purge_answers(&self, now: UnixMs) -> Result<usize, StoreError> {
        self.write_one(move |conn| {
            Ok(conn.execute(
                "DELETE FROM command_answers WHERE at <= ?1",
                [now.saturating_sub(REPEAT_WINDOW_MS)],
            )?)
        })
        .await
    }
}

fn find(
    conn: &Connection,
    command: &CommandId,
    actor: &Aor,
    now: UnixMs,
) -> Result<Option<CommandAnswer>, StoreError> {
    let row = conn
        .prepare_cached(
            "SELECT fingerprint, answer, at FROM command_answers
             WHERE command = ?1 AND actor = ?2 AND at > ?3",
        )?
        .query_row(
            params![
                command.as_str(),
                actor.to_string(),
                now.saturating_sub(REPEAT_WINDOW_MS)
            ],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    Ok(row.map(|(fingerprint, answer, at)| CommandAnswer {
        command: command.clone(),
        actor: actor.clone(),
        fingerprint,
        answer,
        at,
    }))
}
