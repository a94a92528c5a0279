//! Finding people by the beginnings of the words of their names, and what others may see of their telephones.

use convoke_types::Aor;
use rusqlite::{Connection, ToSql, params};

use crate::accounts::{Account, account_of, raw_account};
use crate::profile::{Telephone, telephones};
use crate::{Store, StoreError};

/// Most words of a search that are looked at; further ones are left out.
const WORDS_MAX: usize = 8;
/// The end of a range of words that begin alike: behind every letter.
const BEHIND_ALL: char = char::MAX;

/// An account and its telephones.
pub type Person = (Account, Vec<Telephone>);

impl Store {
    /// People of whose names or addresses each word of `query` begins some word, in the order of their addresses, up to
    /// `limit` after `after`. Without a word everybody. Services are nobody.
    pub async fn people(
        &self,
        query: &str,
        after: Option<&Aor>,
        limit: usize,
    ) -> Result<Vec<Person>, StoreError> {
        let words = words_of(query);
        let after = after.map_or_else(String::new, ToString::to_string);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let snapshot = conn.unchecked_transaction()?;
            let accounts = find(&snapshot, &words, &after, limit)?;
            let with = |account: Account| {
                let telephones = telephones(&snapshot, &account.aor.to_string())?;
                Ok((account, telephones))
            };
            accounts.into_iter().map(with).collect()
        })
        .await
    }
}

fn find(
    conn: &Connection,
    words: &[String],
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    let mut sql = String::from(
        "SELECT a.aor, a.display_name, a.kind, a.language, a.ports, a.created_at FROM accounts a
         WHERE a.aor > ?1 AND a.kind <> 'service'",
    );
    let mut values: Vec<&dyn ToSql> = vec![&after, &limit];
    let ends: Vec<String> = words
        .iter()
        .map(|word| format!("{word}{BEHIND_ALL}"))
        .collect();
    for (word, end) in words.iter().zip(&ends) {
        values.extend([word as &dyn ToSql, end]);
        let at = values.len();
        sql.push_str(&format!(
            " AND a.aor IN (SELECT w.aor FROM account_words w WHERE w.word >= ?{} AND w.word < ?{at})",
            at - 1
        ));
    }
    sql.push_str(" ORDER BY a.aor LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), raw_account)?;
    rows.map(|row| account_of(row?)).collect()
}

/// The words of a text in lower case, each once, at most `WORDS_MAX`.
fn words_of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.to_lowercase().split(|c: char| !is_of_a_word(c)) {
        if !word.is_empty() && words.len() < WORDS_MAX && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// What stands in user names belongs to words, or nobody would be found by the whole of theirs.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || "-_.+'".contains(c)
}

/// Writes down by which words an account is found.
pub(crate) fn save_words(conn: &Connection, aor: &Aor, name: &str) -> Result<(), StoreError> {
    let key = aor.to_string();
    conn.prepare_cached("DELETE FROM account_words WHERE aor = ?1")?
        .execute([&key])?;
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO account_words (word, aor) VALUES (?1, ?2)")?;
    for word in words_of(name).iter().chain(&words_of(aor.user())) {
        insert.execute([word, &key])?;
        // `Meyer-Schulz` is found by either half too.
        for part in word.split(|c: char| !c.is_alphanumeric()) {
            if !part.is_empty() && part != word {
                insert.execute(params![part, key])?;
            }
        }
    }
    Ok(())
}

/// Migration 5: the words of the accounts that are there already.
pub(crate) fn fill_words(conn: &Connection) -> Result<(), StoreError> {
    let mut select = conn.prepare("SELECT aor, display_name FROM accounts")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    for (aor, name) in rows {
        let aor = aor
            .parse()
            .map_err(|_| StoreError::Corrupt { what: "address" })?;
        save_words(conn, &aor, &name)?;
    }
    Ok(())
}
