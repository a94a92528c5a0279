//! `convoke check`.

use std::io::{ErrorKind, Write};

use anyhow::{Result, anyhow};
use server::check::{Finding, Severity};
use server::config::{self, ConfigError};

use crate::cli::Check;

/// Says what is wrong with a configuration; `false` when it would not run.
pub fn run(options: &Check) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    if options.example {
        out.write_all(config::example::text().as_bytes())?;
        return Ok(true);
    }
    let findings = match config::draft(&options.config) {
        Ok(draft) => server::check::check_draft(draft),
        Err(ConfigError::File { path, error }) if error.kind() == ErrorKind::NotFound => {
            return Err(anyhow!(
                "there is no {}; `convoke check --example > {0}` writes one with every key explained",
                path.display()
            ));
        }
        Err(error) => return Err(error.into()),
    };
    for finding in &findings {
        if options.json {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
        } else {
            writeln!(out, "{finding}")?;
        }
    }
    let errors = count(&findings, Severity::Error);
    if !options.json {
        let path = options.config.display();
        match (errors, count(&findings, Severity::Warning)) {
            (0, 0) => writeln!(out, "{path}: nothing is wrong")?,
            (0, 1) => writeln!(out, "{path}: runs, with a warning")?,
            (0, warnings) => writeln!(out, "{path}: runs, with {warnings} warnings")?,
            (1, _) => writeln!(out, "{path}: does not run, for one error")?,
            (errors, _) => writeln!(out, "{path}: does not run, for {errors} errors")?,
        }
    }
    Ok(errors == 0)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    let of_it = findings
        .iter()
        .filter(|finding| finding.severity == severity);
    of_it.count()
}
