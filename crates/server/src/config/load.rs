//! Reading the file: every unknown key is found, with a suggestion, and every wrong value.

use std::path::{Path, PathBuf};

use super::suggest::nearest;
use super::{Config, describe::Section};
use crate::check::{Finding, Severity};

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

/// Reads a file. Its directory is where relative paths start.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        error,
    })?;
    parse(&text, path.parent().unwrap_or(Path::new("")))
}

/// Reads the text of a file that stands in `base`.
pub fn parse(text: &str, base: &Path) -> Result<Config, ConfigError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        ConfigError::Faults(vec![fault(&error, "mend the TOML at this place")])
    })?;
    let mut findings = unknown_keys(&table);
    let read = values(text, &mut findings);
    let mut config = read
        .filter(|_| findings.is_empty())
        .ok_or(ConfigError::Faults(findings))?;
    config.base = base.to_owned();
    Ok(config)
}

fn fault(error: &toml::de::Error, fix: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        key: String::new(),
        words: error.to_string().trim_end().to_owned(),
        fix: fix.to_owned(),
    }
}

/// Reads from the text, since only there errors know their line. The line of a wrong value is left out then, so that the next one
/// is found as well; what is missing only because of that is no finding.
fn values(text: &str, findings: &mut Vec<Finding>) -> Option<Config> {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut is_whole = true;
    loop {
        let left = lines.join("\n");
        let error = match toml::from_str(&left) {
            Ok(config) => return is_whole.then_some(config),
            Err(error) => error,
        };
        let is_told = error.message().starts_with("unknown field");
        let is_ours = !is_whole && error.message().starts_with("missing field");
        if !is_told && !is_ours {
            findings.push(fault(&error, "see this key in convoke.example.toml"));
        }
        is_whole = false;
        let before = error.span().and_then(|span| left.get(..span.start))?;
        let line = lines.get_mut(before.matches('\n').count())?;
        // Sections and the insides of lists cannot be left out.
        if !line.contains('=') {
            return None;
        }
        *line = "";
    }
}

fn unknown_keys(table: &toml::Table) -> Vec<Finding> {
    let sections = Config::sections();
    let mut findings = Vec::new();
    for (name, value) in table {
        let Some(section) = sections.iter().find(|section| section.name == name) else {
            findings.push(unknown_section(name, value, &sections));
            continue;
        };
        let tables: Vec<&toml::Table> = match value {
            toml::Value::Table(table) => vec![table],
            toml::Value::Array(tables) => tables.iter().filter_map(toml::Value::as_table).collect(),
            _ => vec![],
        };
        for key in tables.into_iter().flat_map(toml::Table::keys) {
            if !section.keys.iter().any(|known| known.name == key) {
                findings.push(unknown_key(key, section, &sections));
            }
        }
    }
    findings
}

fn unknown_section(name: &str, value: &toml::Value, sections: &[Section]) -> Finding {
    let is_section = matches!(value, toml::Value::Table(_) | toml::Value::Array(_));
    let meant = nearest(name, sections.iter().map(|section| section.name));
    let fix = match (meant, home_of(name, sections)) {
        (Some(meant), _) if is_section => format!("did you mean [{meant}]?"),
        (_, Some(home)) => format!("it belongs into the section [{}]", home.name),
        (Some(meant), None) => format!("did you mean [{meant}]?"),
        (None, None) => {
            let known: Vec<&str> = sections.iter().map(|section| section.name).collect();
            format!("the sections are {}", known.join(", "))
        }
    };
    let what = if is_section { "section" } else { "key" };
    Finding {
        severity: Severity::Error,
        key: name.to_owned(),
        words: format!("unknown {what} {name:?}"),
        fix,
    }
}

fn unknown_key(key: &str, section: &Section, sections: &[Section]) -> Finding {
    let fix = match nearest(key, section.keys.iter().map(|known| known.name)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => match home_of(key, sections) {
            Some(home) => format!("it belongs into the section [{}]", home.name),
            None => {
                let known: Vec<&str> = section.keys.iter().map(|known| known.name).collect();
                format!("the keys of [{}] are {}", section.name, known.join(", "))
            }
        },
    };
    Finding {
        severity: Severity::Error,
        key: format!("{}.{key}", section.name),
        words: format!("unknown key {key:?} in [{}]", section.name),
        fix,
    }
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
        check("[server\n", &["line 1"]);
        check("[gateway]\ntransport = \"sctp\"", &["udp"]);
    }
}
