//! The lines of a TOML text, from which values are left out one by one, and the names of what stands there.

use super::load::element;

/// The lines as they are, and what is left of them.
pub(super) struct Lines<'t> {
    all: Vec<&'t str>,
    pub left: Vec<&'t str>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Self {
        let all: Vec<&str> = text.lines().collect();
        Self {
            left: all.clone(),
            all,
        }
    }

    /// Leaves out the value that a line belongs to, or the section that it begins; gives the line on which that begins. `None` when
    /// nothing there can be left out.
    pub fn leave_out(&mut self, line: usize) -> Option<usize> {
        let begins = |line: &str| header(line).is_some() || key(line).is_some();
        let mut back = (0..=line).rev();
        let first = back.find(|n| self.left.get(*n).is_some_and(|line| begins(line)))?;
        let (from, to) = (first, self.left.len());
        let is_section = header(self.left.get(first)?).is_some();
        for n in from..to {
            let is_next = n > first && header(self.left.get(n)?).is_some();
            if is_section && is_next {
                break;
            }
            *self.left.get_mut(n)? = "";
            // A value may go on over several lines.
            if !is_section && self.left.join("\n").parse::<toml::Table>().is_ok() {
                break;
            }
        }
        Some(first)
    }

    /// What begins on a line: `server`, `server.domain`, `trunk[carrier].port`.
    pub fn name(&self, line: usize, table: &toml::Table) -> String {
        let above = self.all.get(..=line).unwrap_or_default();
        let headers = || above.iter().filter_map(|line| header(line));
        let own = self.all.get(line).and_then(|line| key(line));
        let section = headers().next_back().map(|section| {
            let list = table.get(section).and_then(toml::Value::as_array);
            let index = headers().filter(|name| *name == section).count();
            let index = index.saturating_sub(1);
            match list.and_then(|list| list.get(index)) {
                Some(one) => element(section, index, one),
                None => section.to_owned(),
            }
        });
        let parts = [section.as_deref(), own];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        parts.join(".")
    }
}

/// The name of the section that a line begins: `[name]` or `[[name]]`, and perhaps a comment.
fn header(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix('[')?;
    let (name, after) = match line.strip_prefix('[') {
        Some(line) => line.split_once("]]")?,
        None => line.split_once(']')?,
    };
    let after = after.trim();
    (is_key(name) && (after.is_empty() || after.starts_with('#'))).then(|| bare(name))
}

/// The key whose value begins on a line.
fn key(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    is_key(name).then(|| bare(name))
}

fn is_key(name: &str) -> bool {
    let may_stand = |c: char| c.is_ascii_alphanumeric() || "_-. \t\"'".contains(c);
    !bare(name).is_empty() && name.chars().all(may_stand)
}

fn bare(name: &str) -> &str {
    name.trim().trim_matches(['"', '\''])
}
