//! Reading the file: every unknown key is found, with a suggestion, and every wrong value.

use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::suggest::nearest;
use super::{Config, describe::Section};
use crate::check::{Finding, Severity, label};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is not right; each fault explained.
    #[error("{}", faults(.0))]
    Faults(Vec<Finding>),
}

fn faults(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What a file says, as far as it can be read.
#[derive(Debug, Default)]
pub struct Draft {
    /// What could be read, with the defaults in place of the rest; `None` when that is nothing.
    pub config: Option<Config>,
    /// What could not be read, each fault explained. Without any the configuration is whole.
    pub findings: Vec<Finding>,
    /// Whose values are not known for that reason: `im.tcp`, `trunk[carrier].server`, `trunk.server` of no certain one, `dialplan`.
    pub lost: Vec<String>,
}

/// Reads a file. Its directory is where relative paths start.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    whole(draft(path)?)
}

/// Reads the text of a file that stands in `base`.
pub fn parse(text: &str, base: &Path) -> Result<Config, ConfigError> {
    whole(draft_of(text, base))
}

/// Reads of a file what can be read.
///
/// # Errors
/// Only when there is no text.
pub fn draft(path: &Path) -> Result<Draft, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        error,
    })?;
    Ok(draft_of(&text, path.parent().unwrap_or(Path::new(""))))
}

/// Reads of the text of a file that stands in `base` what can be read.
pub(crate) fn draft_of(text: &str, base: &Path) -> Draft {
    let mut draft = Draft::default();
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let fix = "mend the TOML at this place";
            draft.findings.push(fault(&error, fix));
            return draft;
        }
    };
    unknown_keys(&table, &mut draft);
    draft.config = values(text, &table, &mut draft).map(|config| Config {
        base: base.to_owned(),
        ..config
    });
    draft
}

fn whole(draft: Draft) -> Result<Config, ConfigError> {
    draft
        .config
        .filter(|_| draft.findings.is_empty())
        .ok_or(ConfigError::Faults(draft.findings))
}

fn fault(error: &toml::de::Error, fix: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        key: String::new(),
        words: error.to_string().trim_end().to_owned(),
        fix: fix.to_owned(),
    }
}

/// Reads from the text, since only there errors know their line. What is wrong is left out then, so that the next fault is found as
/// well: nothing has to be there.
fn values(text: &str, table: &toml::Table, draft: &mut Draft) -> Option<Config> {
    let mut lines = Lines::of(text);
    loop {
        let left = lines.left.join("\n");
        let error = match toml::from_str(&left) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let is_told = error.message().starts_with("unknown field");
        if !is_told {
            let fix = "see this key in convoke.example.toml";
            draft.findings.push(fault(&error, fix));
        }
        let before = error.span().and_then(|span| left.get(..span.start))?;
        let key = lines.leave_out(before.matches('\n').count())?;
        // What an unknown key was meant to be is known from its suggestion.
        if !is_told {
            draft.lost.push(lines.name(key, table));
        }
    }
}

fn unknown_keys(table: &toml::Table, draft: &mut Draft) {
    let sections = Config::sections();
    for (name, value) in table {
        let Some(section) = sections.iter().find(|section| section.name == name) else {
            unknown_section(name, value, &sections, draft);
            continue;
        };
        let tables: Vec<(String, &toml::Table)> = match value {
            toml::Value::Table(table) => vec![(name.clone(), table)],
            toml::Value::Array(tables) => {
                let tables = tables.iter().enumerate();
                let named =
                    tables.filter_map(|(n, one)| Some((element(name, n, one), one.as_table()?)));
                named.collect()
            }
            _ => vec![],
        };
        for (place, table) in tables {
            for key in table.keys() {
                if !section.keys.iter().any(|known| known.name == key) {
                    unknown_key(key, &place, section, &sections, draft);
                }
            }
        }
    }
}

/// How an element of a list of sections is named: by its name, or else its place.
pub(super) fn element(list: &str, index: usize, element: &toml::Value) -> String {
    let name = element.get("name").and_then(toml::Value::as_str);
    format!("{list}[{}]", label(name.unwrap_or_default(), index))
}

fn unknown_section(name: &str, value: &toml::Value, sections: &[Section], draft: &mut Draft) {
    let is_section = matches!(value, toml::Value::Table(_) | toml::Value::Array(_));
    let meant = nearest(name, sections.iter().map(|section| section.name));
    let home = home_of(name, sections);
    draft.lost.extend(match (meant, home) {
        (Some(meant), _) if is_section => Some(meant.to_owned()),
        (_, Some(home)) => Some(format!("{}.{name}", home.name)),
        (meant, None) => meant.map(str::to_owned),
    });
    let fix = match (meant, home) {
        (Some(meant), _) if is_section => format!("did you mean [{meant}]?"),
        (_, Some(home)) => format!("it belongs into the section [{}]", home.name),
        (Some(meant), None) => format!("did you mean [{meant}]?"),
        (None, None) => {
            let known: Vec<&str> = sections.iter().map(|section| section.name).collect();
            format!("the sections are {}", known.join(", "))
        }
    };
    let what = if is_section { "section" } else { "key" };
    draft.findings.push(Finding {
        severity: Severity::Error,
        key: name.to_owned(),
        words: format!("unknown {what} {name:?}"),
        fix,
    });
}

fn unknown_key(key: &str, place: &str, section: &Section, sections: &[Section], draft: &mut Draft) {
    let meant = nearest(key, section.keys.iter().map(|known| known.name));
    let home = home_of(key, sections);
    draft.lost.extend(match (meant, home) {
        (Some(meant), _) => Some(format!("{place}.{meant}")),
        (None, Some(home)) => Some(format!("{}.{key}", home.name)),
        (None, None) => None,
    });
    let fix = match (meant, home) {
        (Some(meant), _) => format!("did you mean {meant:?}?"),
        (None, Some(home)) => format!("it belongs into the section [{}]", home.name),
        (None, None) => {
            let known: Vec<&str> = section.keys.iter().map(|known| known.name).collect();
            format!("the keys of [{}] are {}", section.name, known.join(", "))
        }
    };
    draft.findings.push(Finding {
        severity: Severity::Error,
        key: format!("{}.{key}", section.name),
        words: format!("unknown key {key:?} in [{}]", section.name),
        fix,
    });
}

fn home_of<'a>(key: &str, sections: &'a [Section]) -> Option<&'a Section> {
    let has = |section: &&Section| section.keys.iter().any(|known| known.name == key);
    sections.iter().find(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about a text that is not right.
    fn check(text: &str, expected: &[&str]) {
        let said = parse(text, Path::new("")).unwrap_err().to_string();
        for words in expected {
            assert!(said.contains(words), "expected {words:?} in:\n{said}");
        }
    }

    #[test]
    fn unknown_keys_are_all_told_with_a_suggestion() {
        check(
            "[server]\ndoman = \"x\"\n[im]\nport = 5060\n[[trunk]]\nhome_country = \"49\"\n[confrence]\n",
            &[
                "server.doman: unknown key \"doman\"",
                "did you mean \"domain\"?",
                "im.port: unknown key",
                "belongs into the section [dialplan]",
                "did you mean [conference]?",
            ],
        );
        check("domain = \"x\"", &["belongs into the section [server]"]);
    }

    #[test]
    fn wrong_values_are_told_with_their_line() {
        check("[server]\ndrain_s = \"soon\"", &["line 2", "drain_s"]);
        check(
            "[gateway]\ntrusted_servers = [\"10.0.0.0/99\"]",
            &["10.0.0.0/99"],
        );
        check(
            "[server]\ndrain_s = \"soon\"\ndoman = \"x\"\n[conference]\nring_timeout_s = \"a\"",
            &["line 2", "line 5", "did you mean \"domain\"?"],
        );
        // A value over several lines, and a section that is none of its kind.
        check(
            "[server]\nroles = [\n  \"im\",\n  \"gatway\", # ours\n]\ndrain_s = \"soon\"",
            &["line 4", "gatway", "line 6", "drain_s"],
        );
        check(
            "[trunk]\nname = \"a\"\n[im]\nidle_s = -1\n[[dialplan]]\n[log]\nformat = \"xml\"",
            &["line 1", "line 4", "idle_s", "line 5", "line 7", "format"],
        );
        check("[server\n", &["line 1"]);
        check("[gateway]\ntransport = \"sctp\"", &["udp"]);
    }

    #[test]
    fn what_can_be_read_is_read_and_what_is_lost_is_named() {
        let draft = draft_of(
            "[server]\ndoman = \"x\"\ndrain_s = 7\n[im]\nudp = [\n  \"nowhere\",\n]\nidle_s = 9\n\
             [[trunk]]\nname = \"a\"\nsever = \"x\"\nlines = 3\n[[trunk]]\nport = \"sip\"\nlines = 4\n\
             [dailplan]\nhome_country = \"49\"\n",
            Path::new("/etc/convoke"),
        );
        let config = draft.config.unwrap();
        assert_eq!(config.base, Path::new("/etc/convoke"));
        assert_eq!((config.server.drain_s, config.im.idle_s), (7, 9));
        assert_eq!(config.im.udp, Config::default().im.udp);
        let lines: Vec<usize> = config.trunk.iter().map(|trunk| trunk.lines).collect();
        assert_eq!(lines, [3, 4]);
        assert_eq!(draft.findings.len(), 5, "{:?}", draft.findings);
        let mut lost = draft.lost;
        lost.sort();
        assert_eq!(
            lost,
            [
                "dialplan",
                "im.udp",
                "server.domain",
                "trunk[2].port",
                "trunk[a].server"
            ]
        );
    }
}
