//! `convoke check`: what is wrong with a configuration on this machine, in words, with what to do about it.

mod follow_ups;
mod hosts;
mod machine;
pub(crate) mod sense;
mod trunks;

use std::fmt;

use serde::Serialize;

use crate::config::{Config, Draft};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It runs, but not as one would want.
    Warning,
    /// It does not run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Where in the file: `im.tls_key`, `trunk[carrier].server`; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub words: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.words)?;
        if !self.fix.is_empty() {
            write!(f, "; {}", self.fix)?;
        }
        Ok(())
    }
}

/// Everything that is wrong, worst first. Looks at files and ports of this machine; sends nothing.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    sense::check(config, &mut findings);
    machine::check(config, &mut findings);
    findings.sorted()
}

/// Everything that is wrong with a file: first what cannot be read of it, then what is wrong with the rest, unless that may only
/// follow from what was not read.
pub fn check_draft(draft: Draft) -> Vec<Finding> {
    let rest = draft.config.as_ref().map(check).unwrap_or_default();
    let own: Vec<Finding> = rest
        .into_iter()
        .filter(|finding| !follow_ups::follows(finding, &draft))
        .collect();
    let mut findings = draft.findings;
    findings.extend(own);
    findings
}

/// What is wrong with the configuration by itself, on any machine.
pub fn check_sense(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    sense::check(config, &mut findings);
    findings.sorted()
}

/// How a section of a list is named: by its name, or else its place.
pub(crate) fn label(name: &str, index: usize) -> String {
    match name {
        "" => (index + 1).to_string(),
        name => name.to_owned(),
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        severity: Severity,
        key: impl Into<String>,
        words: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.0.push(Finding {
            severity,
            key: key.into(),
            words: words.into(),
            fix: fix.into(),
        });
    }
    fn error(&mut self, key: impl Into<String>, words: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Error, key, words, fix);
    }
    fn warn(&mut self, key: impl Into<String>, words: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Warning, key, words, fix);
    }
    fn sorted(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{draft_of, parse};
    use std::path::Path;

    /// The lines that are said about a file in an empty directory.
    fn said(text: &str, directory: &Path) -> Vec<String> {
        let config = parse(text, directory).unwrap();
        check(&config).iter().map(ToString::to_string).collect()
    }

    /// Listeners that are free on every machine.
    const FREE: &str = "[im]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\ntls = [\"127.0.0.1:0\"]\nconnections_max = 100\n\
                        [http]\nlisten = \"127.0.0.1:0\"\n[sip]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n";

    #[track_caller]
    fn expect(rest: &str, expected: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        let lines = said(&format!("{FREE}{rest}"), directory.path());
        for words in expected {
            assert!(
                lines.iter().any(|line| line.contains(words)),
                "expected {words:?} in {lines:#?}"
            );
        }
        if expected.is_empty() {
            assert!(lines.is_empty(), "{lines:#?}");
        }
    }

    /// What is said about a file of which something cannot be read.
    fn said_of_draft(rest: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let draft = draft_of(&format!("{FREE}{rest}"), directory.path());
        let lines: Vec<String> = check_draft(draft).iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn what_cannot_be_read_hides_no_other_fault() {
        let check = |rest: &str, expected: &[&str]| {
            let said = said_of_draft(rest);
            for words in expected {
                assert!(said.contains(words), "expected {words:?} in:\n{said}");
            }
        };
        check(
            "[server]\ndomian = \"x\"\n[conference]\nring_timeout_s = 2\n",
            &[
                "error: server.domian: unknown key \"domian\"",
                "error: conference.ring_timeout_s: 2 s is not within",
            ],
        );
        check(
            "[server]\nroles = [\n  \"im\",\n  \"gatway\",\n]\n[media]\nport_min = 30000\nport_max = 20000\n\
             [dialplan]\nhome_country = \"+49\"\n[[trunk]]\nname = \"a\"\nserver = \"127.0.0.1\"\nlines = \"all\"\n\
             [[trunk]]\nname = \"b\"\nserver = \"127.0.0.1\"\nlines = 0\n",
            &[
                "gatway",
                "lines = \"all\"",
                "error: media.port_max: 20000 is not above",
                "error: dialplan.home_country: expected a country code",
                "error: trunk[b].lines: no line, no call",
            ],
        );
    }

    #[test]
    fn what_follows_from_an_unread_value_is_not_told() {
        let check = |rest: &str, faults: usize| {
            let said = said_of_draft(rest);
            assert_eq!(said.matches("error: ").count(), faults, "{said}");
            assert_eq!(said.matches("warning: ").count(), 0, "{said}");
        };
        let plan = "[dialplan]\nhome_country = \"49\"\n";
        check(
            &format!("{plan}[[trunk]]\nname = \"a\"\nsever = \"127.0.0.1\"\n"),
            1,
        );
        check(&format!("{plan}[[trunk]]\nname = \"a\"\nserver = 5\n"), 1);
        check(
            &format!(
                "{plan}[[trunk]]\nname = \"a\"\nserver = \"127.0.0.1\"\nusername = \"u\"\npasword = \"p\"\n"
            ),
            1,
        );
        let trunk = "[[trunk]]\nname = \"a\"\nserver = \"127.0.0.1\"\n";
        check(&format!("[dialplan]\nhome_contry = \"49\"\n{trunk}"), 1);
        check(&format!("[dailplan]\nhome_country = \"49\"\n{trunk}"), 1);
        check(&format!("{trunk}home_country = \"49\"\n"), 1);
        check("[media]\nport_min = \"low\"\nport_max = 2000\n", 1);
        // Of another trunk that is the same fault nothing is hidden.
        check(
            &format!("{plan}[[trunk]]\nname = \"a\"\nserver = 5\n[[trunk]]\nname = \"b\"\n"),
            2,
        );
    }

    #[test]
    fn the_defaults_on_free_ports_are_right() {
        expect("", &[]);
    }

    #[test]
    fn an_allocator_needs_an_account_a_way_to_it_and_whom_to_command() {
        expect(
            "[server]\nroles = [\"allocator\"]\n[allocator]\nuser = \"conference\"\ntransport = \"udp\"\n",
            &[
                "error: allocator.user: another part has the same account",
                "error: allocator.im_server: no IM server runs in this process",
                "error: allocator.transport: commands, reports and documents do not fit",
                "warning: video_server: the allocator has no video server",
            ],
        );
        expect(
            "[server]\nroles = [\"allocator\"]\n[allocator]\nim_server = \"x\"\n[[video_server]]\nname = \"a\"\nurl = \"x\"\n\
             [[video_server]]\nname = \"a\"\n[[gateway_route]]\nmode = \"fax\"\n",
            &[
                "error: allocator.password: allocator.im_server names an IM server elsewhere",
                "error: video_server[a].url: expected ws://",
                "error: video_server[a].name: two video servers have this name",
                "error: gateway_route[1]: expected the mode h323, isdn, atm or gateway",
            ],
        );
    }

    #[test]
    fn a_gateway_that_no_trunk_leads_to_is_told() {
        let route = "[[gateway_route]]\nmode = \"isdn\"\ntemplate = \"sip:{number}@GW.example:5070;transport=tcp\"\n";
        let expected = "warning: gateway_route[1].template: no trunk leads to \"GW.example\"";
        expect(route, &[expected]);
        let trunk = "[dialplan]\nhome_country = \"1\"\n[[trunk]]\nname = \"gw\"\nserver = \"127.0.0.1\"\nsip_domains = [\"gw.example\"]\n";
        expect(&format!("{trunk}{route}"), &[]);
    }

    #[test]
    fn each_part_has_an_account_of_its_own_wherever_it_runs() {
        for (rest, key) in [
            ("[allocator]\nuser = \"focus\"\n", "allocator.user"),
            ("[allocator]\nuser = \"modes\"\n", "allocator.user"),
            ("[gateway]\nuser = \"modes\"\n", "im.modes"),
            ("[gateway]\nuser = \"focus\"\n", "im.conferences"),
        ] {
            let expected = format!("error: {key}: another part has the same account");
            expect(rest, &[&expected]);
        }
        // An empty name is nobody's.
        expect("[allocator]\nuser = \"\"\n", &[]);
    }

    #[test]
    fn a_trunk_needs_a_home_country_a_server_and_a_name() {
        expect(
            "[[trunk]]\n",
            &[
                "error: dialplan.home_country: a trunk is configured, but no home country",
                "error: trunk[1].name:",
                "error: trunk[1].server:",
            ],
        );
        expect(
            "[dialplan]\nhome_country = \"+49\"\n[[trunk]]\nname = \"a\"\nserver = \"x\"\nlines = 0\n\
             [[trunk]]\nname = \"a\"\nserver = \"y\"\nusername = \"u\"\nfrom_number = \"030123\"\n",
            &[
                "dialplan.home_country: expected a country code without plus sign",
                "trunk[a].name: two trunks have this name",
                "trunk[a].lines:",
                "trunk[a].password: there is a username",
                "trunk[a].from_number:",
            ],
        );
    }

    #[test]
    fn a_trunks_server_is_a_host_and_its_port_stands_apart() {
        let trunk = |keys: &str| {
            format!("[dialplan]\nhome_country = \"49\"\n[[trunk]]\nname = \"a\"\n{keys}\n")
        };
        for (server, fix) in [
            (
                "carrier.example:5061",
                "write \"carrier.example\", and the port as port = 5061",
            ),
            (
                "127.0.0.1:5060",
                "write \"127.0.0.1\", and the port as port = 5060",
            ),
            ("[::1]:5060", "write \"[::1]\", and the port as port = 5060"),
            (
                "127.0.0.1:99999",
                "write \"127.0.0.1\", and the port as port = N, with N from 1 to 65535",
            ),
            (
                "sip:carrier.example",
                "write \"carrier.example\", without a scheme",
            ),
            ("[::1", "write the carrier's SIP server"),
            ("a..b", "write the carrier's SIP server"),
            ("127.0.0", "write the carrier's SIP server"),
        ] {
            let expected = format!(
                "error: trunk[a].server: expected a host name or address, came {server:?}; {fix}"
            );
            expect(&trunk(&format!("server = {server:?}")), &[&expected]);
        }
        for keys in [
            "server = \"[::1]\"\nport = 5061",
            "server = \"::1\"\ndomain = \"carrier.example:5061\"\nsip_domains = [\"gw_1.example\", \"127.0.0.2\"]",
        ] {
            expect(&trunk(keys), &[]);
        }
        expect(
            &trunk(
                "server = \"127.0.0.1\"\nport = 0\ndomain = \"a b\"\nsip_domains = [\"gw.example\", \"a b\", \"gw.example:5060\"]",
            ),
            &[
                "error: trunk[a].port: 0 is no port",
                "error: trunk[a].domain: expected host or host:port, came \"a b\"",
                "error: trunk[a].sip_domains: expected host names or addresses, came \"a b\"",
                "error: trunk[a].sip_domains: expected host names or addresses, came \"gw.example:5060\"",
            ],
        );
    }

    #[test]
    fn a_number_that_lets_nothing_through_is_told() {
        for (key, instead, expected) in [
            (
                "connections_max = 100\n",
                "connections_max = 0\n",
                "error: im.connections_max: 0 allows nothing",
            ),
            (
                "[http]",
                "connections_per_ip_max = 0\n[http]",
                "error: im.connections_per_ip_max: 0 allows nothing",
            ),
            (
                "[http]",
                "registration_max_s = 0\n[http]",
                "error: im.registration_max_s: 0 s is shorter than the shortest registration, 60 s",
            ),
            (
                "[http]",
                "idle_s = 0\n[http]",
                "error: im.idle_s: 0 s closes every connection",
            ),
            (
                "[sip]",
                "[conference]\nparticipants_max = 0\nconferences_max = 0\nring_timeout_s = 0\n[sip]",
                "error: conference.participants_max: 0 allows nothing",
            ),
            (
                "[sip]",
                "[media]\nport_min = 0\n[sip]",
                "error: media.port_min: 0 is no port",
            ),
            (
                "[sip]",
                "[media]\nthreads = 100000\n[sip]",
                "error: media.threads: 100000 is more than 1024",
            ),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let lines = said(&FREE.replace(key, instead), directory.path());
            let is_told = lines.iter().any(|line| line.starts_with(expected));
            assert!(is_told, "expected {expected:?} in {lines:#?}");
        }
        // Where 0 has a meaning of its own, it is right.
        expect(
            "[server]\ndrain_s = 0\n[conference]\nidle_end_min = 0\nlinger_s = 0\n[media]\nthreads = 0\ntcp_port = 0\n",
            &[],
        );
    }

    #[test]
    fn names_addresses_and_urls_everywhere_are_looked_at() {
        let http = |keys: &str, expected: &[&str]| {
            let directory = tempfile::tempdir().unwrap();
            let text = FREE.replace("[http]", &format!("[http]\n{keys}"));
            let lines = said(&text, directory.path()).join("\n");
            for words in expected {
                assert!(lines.contains(words), "expected {words:?} in {lines}");
            }
            if expected.is_empty() {
                assert_eq!(lines, "");
            }
        };
        http(
            "url = \"https://a b\"\norigins = [\"intranet.example\", \"https://a.example/\"]",
            &[
                "error: http.url: expected http://… or https://…, came \"https://a b\"",
                "error: http.origins: expected scheme://host or scheme://host:port, came \"intranet.example\"",
                "error: http.origins: expected scheme://host or scheme://host:port, came \"https://a.example/\"",
            ],
        );
        http(
            "url = \"http://127.0.0.1:99999\"",
            &["error: http.url: expected http://… or https://…, came \"http://127.0.0.1:99999\""],
        );
        http(
            "url = \"http://[::1]:8060/convoke\"\norigins = [\"https://a.example:8443\", \"*\"]",
            &[],
        );
        expect(
            "[server]\nroles = [\"im\", \"gateway\", \"conference\", \"allocator\"]\ndomain = \"a..b\"\n\
             [gateway]\nim_server = \"im.example:0\"\ndomain = \"im example\"\n\
             [allocator]\nim_server = \"sip:im.example\"\ndomain = \"im.example:5060\"\nwindow_url = \"convoke.example\"\n\
             trusted_servers = [\"::/0\"]\n\
             [conference]\nim_server = \"[::1\"\nim_domain = \"\"\n\
             [dialplan]\nnational_prefix = \"+49\"\n[[media_bridge]]\nname = \"a\"\nurl = \"ws://:8190/bridge\"\n\
             [[video_server]]\nname = \"a\"\nurl = \"ws://a..b/bridge\"\n",
            &[
                "error: server.domain: expected a domain name, came \"a..b\"",
                "error: gateway.im_server: expected host or host:port, came \"im.example:0\"",
                "error: gateway.domain: expected a domain name, came \"im example\"",
                "error: allocator.im_server: expected host or host:port, came \"sip:im.example\"",
                "error: allocator.domain: expected a domain name, came \"im.example:5060\"",
                "error: allocator.window_url: expected http://… or https://…, came \"convoke.example\"",
                "error: allocator.trusted_servers: identities asserted by the whole internet",
                "error: conference.im_server: expected host or host:port, came \"[::1\"",
                "error: conference.im_domain: expected a domain name, came \"\"",
                "error: dialplan.national_prefix: expected the digits that people dial, came \"+49\"",
                "error: media_bridge[a].url: expected ws://… or wss://…, came \"ws://:8190/bridge\"",
                "error: video_server[a].url: expected ws://… or wss://…, came \"ws://a..b/bridge\"",
            ],
        );
        let advertised = FREE.replace("[sip]", "[sip]\nadvertised = \"sip:203.0.113.7\"");
        let directory = tempfile::tempdir().unwrap();
        let lines = said(&advertised, directory.path()).join("\n");
        let expected = "error: sip.advertised: expected host or host:port";
        assert!(lines.contains(expected), "{lines}");
    }

    #[test]
    fn a_trunk_elsewhere_needs_addresses_that_it_reaches() {
        let trunk =
            "[dialplan]\nhome_country = \"49\"\n[[trunk]]\nname = \"a\"\nserver = \"192.0.2.1\"\n";
        expect(
            trunk,
            &[
                "error: media.bind: sound is bound to 127.0.0.1",
                "error: sip.udp: trunk \"a\" is elsewhere",
            ],
        );
        expect(
            "[server]\ndrain_s = 99999\n[conference]\nidle_end_min = 9999\nlinger_s = 9999\n",
            &[
                "error: server.drain_s: 99999 s",
                "warning: conference.idle_end_min: 9999 counts as 1440",
                "warning: conference.linger_s: 9999 counts as 3600",
            ],
        );
        let directory = tempfile::tempdir().unwrap();
        let open = FREE.replace(
            "[http]\nlisten = \"127.0.0.1:0\"",
            "[http]\nlisten = \"0.0.0.0:0\"",
        );
        let lines = said(&open, directory.path());
        assert!(lines[0].starts_with("note: http.listen:"), "{lines:?}");
    }

    #[test]
    fn a_proxy_has_to_be_named_and_to_say_who_came_how() {
        let said_of = |http: &str| {
            let directory = tempfile::tempdir().unwrap();
            let text = FREE.replace("[http]", &format!("[http]\n{http}"));
            said(&text, directory.path()).join("\n")
        };
        let unnamed = said_of("url = \"https://convoke.example.org\"");
        assert!(
            unnamed.contains("warning: http.proxies: http.url is that of a proxy"),
            "{unnamed}"
        );
        let elsewhere = said_of("proxies = [\"10.0.0.7\"]");
        assert!(
            elsewhere.contains("note: http.proxies: pages behind 10.0.0.7"),
            "{elsewhere}"
        );
        let here = "url = \"https://convoke.example.org\"\nproxies = [\"127.0.0.1\"]";
        assert_eq!(said_of(here), "");
    }

    #[test]
    fn files_that_are_missing_are_named() {
        expect(
            "[gateway]\npassword = \"file:nowhere.secret\"\ntls_pin = \"pin.pem\"\n",
            &["error: gateway.password:", "nowhere.secret", "pin.pem"],
        );
        let directory = tempfile::tempdir().unwrap();
        let text = FREE.replace(
            "[http]",
            "tls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n[http]",
        );
        let lines = said(&text, directory.path());
        let line = lines.first().unwrap();
        assert!(
            line.contains("im.tls_certificate") && line.contains("c.pem"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_port_in_use_is_told_with_its_address() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let text = FREE.replace(
            "[http]\nlisten = \"127.0.0.1:0\"",
            &format!("[http]\nlisten = \"{addr}\""),
        );
        let lines = said(&text, directory.path());
        assert!(
            lines.iter().any(|line| line.contains("http.listen")
                && line.contains("in use")
                && line.contains(&addr.to_string())),
            "{lines:?}"
        );
    }

    #[test]
    fn an_adapter_for_janus_needs_to_know_where_it_is() {
        let run = "[server]\nroles = [\"janus\"]\n[janus]\nlisten = \"127.0.0.1:0\"\n";
        expect(run, &[]);
        // A video server without a URL is the adapter of this process.
        expect(&format!("{run}[[video_server]]\nname = \"own\"\n"), &[]);
        expect(
            &format!(
                "{run}url = \"http://127.0.0.1:8188\"\ncapacity = 0\npicture_kbit = 1\nsecret = \"file:nowhere\"\n"
            ),
            &[
                "error: janus.url: expected ws://… or wss://…",
                "error: janus.capacity: 0 is not within",
                "error: janus.picture_kbit: 1 is not within",
                "error: janus.secret:",
            ],
        );
        expect(
            &run.replace("127.0.0.1", "0.0.0.0"),
            &["note: janus.listen: 0.0.0.0:0 is open to others"],
        );
        let anywhere = "[media]\nbind = \"0.0.0.0\"\n";
        expect(
            &format!("{run}{anywhere}"),
            &["error: janus.rtp: 0.0.0.0 is no address that Janus could send to"],
        );
        expect(&format!("{run}rtp = \"127.0.0.1\"\n{anywhere}"), &[]);
    }

    #[test]
    fn a_video_server_needs_a_name_of_its_own_and_an_address() {
        expect(
            "[[video_server]]\n[[video_server]]\nname = \"a\"\nurl = \"ws://x/bridge\"\n[[video_server]]\nname = \"a\"\n\
             url = \"http://x/bridge\"\nsecret = \"file:nowhere\"\n",
            &[
                "error: video_server[1].name: a video server needs a name",
                "error: video_server[1].url: expected ws://",
                "error: video_server[a].name: two video servers",
                "error: video_server[a].url: expected ws://… or wss://…, came \"http",
                "error: video_server[a].secret:",
            ],
        );
    }

    #[test]
    fn a_bridge_for_the_sound_needs_a_name_of_its_own_an_address_and_its_secret() {
        let one = "[[media_bridge]]\nname = \"a\"\nurl = \"wss://x/bridge\"\n";
        expect(one, &[]);
        // Our own, while no other can be asked.
        expect(&format!("{one}[[media_bridge]]\nname = \"own\"\n"), &[]);
        expect(
            "[[media_bridge]]\n[[media_bridge]]\nname = \"a\"\n[[media_bridge]]\nname = \"a\"\nurl = \"x\"\n\
             secret = \"file:nowhere\"\n",
            &[
                "error: media_bridge[1].name: a bridge needs a name",
                "error: media_bridge[a].url: our own bridge stands here twice",
                "error: media_bridge[a].name: two bridges have this name",
                "error: media_bridge[a].url: expected ws://… or wss://…, came \"x\"",
                "error: media_bridge[a].secret:",
            ],
        );
    }

    #[test]
    fn rooms_pictures_pass_here_wherever_the_sound_is_mixed() {
        let bridge = "[[media_bridge]]\nname = \"b\"\nurl = \"wss://x/bridge\"\n";
        let trunk = "[sip]\nudp = [\"0.0.0.0:0\"]\n[dialplan]\nhome_country = \"49\"\n[[trunk]]\nname = \"a\"\nserver = \"192.0.2.1\"\n";
        let rooms = format!("{trunk}sip_domains = [\"rooms.example\"]\n");
        let server = "[[video_server]]\nname = \"own\"\nurl = \"ws://x/bridge\"\n";
        let free = FREE.replace(
            "[sip]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n",
            "",
        );
        let said_of = |rest: &str| {
            let directory = tempfile::tempdir().unwrap();
            said(&format!("{free}{rest}"), directory.path()).join("\n")
        };
        let found = said_of(&format!("{bridge}{rooms}{server}"));
        let expected = "error: media.bind: a video room's picture is bound to 127.0.0.1";
        assert!(found.contains(expected), "{found}");
        let anywhere = format!("{bridge}[media]\nbind = \"0.0.0.0\"\n{rooms}{server}");
        let found = said_of(&anywhere);
        let expected = "error: media.advertised: 0.0.0.0 is no address";
        assert!(found.contains(expected), "{found}");
        let found = said_of(&format!(
            "{bridge}[media]\nport_min = 20000\nport_max = 20009\n{rooms}lines = 6\n{server}"
        ));
        let expected = "warning: media.port_max: ports for 5 legs, but the trunks have 6 lines";
        assert!(found.contains(expected), "{found}");
        let elsewhere = format!("{bridge}[media]\nbind = \"192.0.2.77\"\n");
        let found = said_of(&format!("{elsewhere}{rooms}{server}"));
        assert!(
            found.contains("error: media.bind: 192.0.2.77 is no address of this machine"),
            "{found}"
        );
        // Where no room is called with pictures, no socket of ours carries anything.
        for rest in [
            format!("{bridge}{rooms}"),
            format!("{bridge}{trunk}{server}"),
            format!("{elsewhere}{trunk}"),
        ] {
            assert!(!said_of(&rest).contains("media."), "{rest}");
        }
    }

    #[test]
    fn an_open_gateway_is_an_error() {
        expect(
            "[gateway]\nim_server = \"im.example.org\"\ntrusted_servers = [\"0.0.0.0/0\"]\n",
            &["gateway.trusted_servers:", "whole internet"],
        );
        expect(
            "[gateway]\nim_server = \"im.example.org\"\nforeign = true\n",
            &["gateway.password:"],
        );
        expect(
            "[media]\nport_min = 30000\nport_max = 29999\n",
            &["media.port_max"],
        );
        expect("[log]\nlevel = \"loud\"\n", &["log.level"]);
        expect("[server]\ndomain = \"not a domain\"\n", &["server.domain"]);
    }
}
