//! Faults of the dial plan and of the trunks that show in the file alone.

use convoke_types::E164;

use super::hosts::{self, host_fix, is_host};
use super::{Findings, label};
use crate::config::{Config, TrunkSettings};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    dial_plan(config, findings);
    trunks(config, findings);
}

fn dial_plan(config: &Config, findings: &mut Findings) {
    let plan = &config.dialplan;
    match &plan.home_country {
        None if !config.trunk.is_empty() => findings.error(
            "dialplan.home_country",
            "a trunk is configured, but no home country, so nobody knows what is abroad",
            "write the country code, for example home_country = \"49\"",
        ),
        Some(code)
            if !(1..=3).contains(&code.len())
                || !code.bytes().all(|byte| byte.is_ascii_digit())
                || code.starts_with('0') =>
        {
            findings.error(
                "dialplan.home_country",
                format!("expected a country code without plus sign, 1 to 3 digits, came {code:?}"),
                "write for example \"49\"",
            );
        }
        None | Some(_) => {}
    }
    for (key, prefix) in [
        ("dialplan.national_prefix", &plan.national_prefix),
        ("dialplan.international_prefix", &plan.international_prefix),
    ] {
        if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            let words = format!("expected the digits that people dial, came {prefix:?}");
            findings.error(key, words, "write for example \"0\" or \"00\"");
        }
    }
    for (key, prefixes) in [
        ("dialplan.abroad", &plan.abroad),
        ("dialplan.refused", &plan.refused),
    ] {
        prefixes_are_prefixes(key, prefixes, findings);
    }
}

fn prefixes_are_prefixes(key: &str, prefixes: &[String], findings: &mut Findings) {
    for prefix in prefixes {
        let digits = prefix.strip_prefix('+');
        let is_prefix = digits.is_some_and(|digits| {
            (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if !is_prefix {
            let words = format!("expected a plus sign and digits, came {prefix:?}");
            findings.error(key, words, "write prefixes like \"+43\"");
        }
    }
}

fn trunks(config: &Config, findings: &mut Findings) {
    let mut names: Vec<&str> = Vec::new();
    for (index, trunk) in config.trunk.iter().enumerate() {
        let label = label(&trunk.name, index);
        if names.contains(&trunk.name.as_str()) {
            let key = format!("trunk[{label}].name");
            findings.error(key, "two trunks have this name", "give each its own");
        }
        names.push(&trunk.name);
        one_trunk(&label, trunk, findings);
    }
}

fn one_trunk(label: &str, trunk: &TrunkSettings, findings: &mut Findings) {
    let key = |name: &str| format!("trunk[{label}].{name}");
    let name_is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if trunk.name.is_empty() || !trunk.name.bytes().all(name_is_word) {
        let words = format!(
            "expected a name of letters, digits, - _ ., came {:?}",
            trunk.name
        );
        findings.error(key("name"), words, "write for example name = \"carrier\"");
    }
    let server = &trunk.server;
    let fix = host_fix(server, "write the carrier's SIP server");
    hosts::host(key("server"), server, &fix, findings);
    if trunk.port == Some(0) {
        let fix = "write its port, or leave the key away";
        findings.error(key("port"), "0 is no port that a server could have", fix);
    }
    if let Some(domain) = &trunk.domain {
        hosts::host_and_port(key("domain"), domain, findings);
    }
    for domain in trunk.sip_domains.iter().filter(|domain| !is_host(domain)) {
        let words = format!("expected host names or addresses, came {domain:?}");
        let fix = "write what stands after the @ of their addresses, without a port";
        findings.error(key("sip_domains"), words, fix);
    }
    if trunk.lines == 0 {
        findings.error(
            key("lines"),
            "no line, no call",
            "write the contract's number",
        );
    }
    if !(trunk.calls_per_second > 0.0 && trunk.calls_per_second.is_finite()) {
        let words = format!("expected a number above 0, came {}", trunk.calls_per_second);
        findings.error(key("calls_per_second"), words, "1.0 suits most carriers");
    }
    match (&trunk.username, &trunk.password) {
        (Some(_), None) => findings.error(
            key("password"),
            "there is a username, but no password",
            "write password = \"file:PATH\"",
        ),
        (None, Some(_)) => findings.error(
            key("username"),
            "there is a password, but no username",
            "write the user name that the carrier gave",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if let Some(number) = &trunk.from_number
        && let Err(error) = number.parse::<E164>()
    {
        findings.error(
            key("from_number"),
            error.to_string(),
            "write it like +4930123456",
        );
    }
    prefixes_are_prefixes(&key("prefixes"), &trunk.prefixes, findings);
}
