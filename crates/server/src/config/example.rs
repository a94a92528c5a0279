//! The commented example of the configuration file.

use std::fmt::Write;

use super::Config;

/// Widest line of comments, in characters.
const WIDTH: usize = 100;

/// The text of `convoke.example.toml`: every key with its meaning and its default.
pub fn text() -> String {
    let mut text = String::from(
        "# Convoke's configuration. Every key is here with its default, or where it has none with an\n\
         # example (marked). Remove the # before a key to set it. `convoke check` explains what is wrong.\n\
         # Passwords may be written as \"file:PATH\"; relative paths start from this file's directory.\n",
    );
    for section in Config::sections() {
        text.push('\n');
        comment(&mut text, &section.words);
        let header = if section.repeats {
            format!("#[[{}]]\n", section.name)
        } else {
            format!("[{}]\n", section.name)
        };
        text.push_str(&header);
        for key in section.keys {
            text.push('\n');
            comment(&mut text, &key.words);
            let note = if key.is_default { "" } else { "  # example" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "#{} = {}{note}", key.name, key.value);
        }
    }
    text
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Severity, check_sense};
    use crate::config::parse;
    use std::path::Path;

    /// `UPDATE=1 cargo test -p server example` writes the file anew.
    #[test]
    fn the_file_at_the_root_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../convoke.example.toml");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, text()).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, text(), "stale; run with UPDATE=1");
    }

    #[test]
    fn as_it_is_it_gives_the_defaults() {
        let config = parse(&text(), Path::new("")).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn with_every_key_set_it_is_read_whole() {
        let set: String = text()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if !key.starts_with(' ') => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&set, Path::new("")).unwrap();
        assert_eq!(config.trunk.len(), 1);
        assert_eq!(config.dialplan.home_country.as_deref(), Some("49"));
        assert_eq!(config.server, Config::default().server);
        // What stands there as an example is right by itself; only the trunk wants other addresses than the loopback.
        let wrong: Vec<String> = check_sense(&config)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.to_string())
            .filter(|line| !line.contains(" from the loopback") && !line.contains("is bound to"))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
