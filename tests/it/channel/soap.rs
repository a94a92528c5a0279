//! A program that knows SOAP, written out by hand: envelopes as text, so that nothing of the product helps to read or write
//! them.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::peer::SipPeer;

use super::stage::aor;

const NAMESPACES: &str = "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
     xmlns:a=\"http://www.w3.org/2005/08/addressing\" xmlns:c=\"urn:convoke:conference:1\"";
pub const TYPE: &str = "text/xml; charset=utf-8";

/// One change of a conference, as a report tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub version: u64,
    /// Name of the participant, if it is about one.
    pub who: String,
    /// `created`, `added`, `muted true`, `ended by-command`, or for a leg its state.
    pub what: String,
    /// The whole entry.
    pub xml: String,
}

/// The envelope of one operation; `body` is what stands in `s:Body`.
pub fn envelope(id: &str, reply_to: &str, expires: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope {NAMESPACES}><s:Header><a:MessageID>{id}</a:MessageID>\
         <a:ReplyTo><a:Address>{reply_to}</a:Address></a:ReplyTo>{expires}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// `c:expires`: sent so long ago, good for so long.
pub fn expires(ago: Duration, seconds: u32) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a command carries the time of day"
    )]
    let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - ago;
    let at = utc(sent.as_secs());
    format!("<c:expires><c:sent>{at}</c:sent><c:seconds>{seconds}</c:seconds></c:expires>")
}

/// `c:expires` of a command that is sent now.
pub fn fresh() -> String {
    expires(Duration::ZERO, 30)
}

/// Seconds since 1970 as xs:dateTime; days are counted from 1 March of year 0, so that leap days come last.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `create` with these participants, each an element of its own (`<c:person>bob</c:person>`).
pub fn create(initiator: &str, participants: &[String]) -> String {
    let others: String = participants
        .iter()
        .map(|party| format!("<c:participant>{party}</c:participant>"))
        .collect();
    format!(
        "<c:create><c:title>Test</c:title><c:initiator>{initiator}</c:initiator>{others}</c:create>"
    )
}

pub fn person(name: &str) -> String {
    format!("<c:person>{name}</c:person>")
}
pub fn number(number: &str) -> String {
    format!("<c:number>{number}</c:number>")
}

/// An operation on a conference, and on a participant of it.
pub fn on(operation: &str, conference: &str, participant: Option<&str>) -> String {
    let whom = participant.map_or_else(String::new, |id| {
        format!("<c:participant>{id}</c:participant>")
    });
    format!("<c:{operation}><c:conference>{conference}</c:conference>{whom}</c:{operation}>")
}

/// The text between the first pair of these tags.
pub fn leaf<'a>(xml: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = xml.split_once(&open).map(|(_, after)| after);
    let inner = after.and_then(|after| after.split_once(&close));
    inner.unwrap_or_else(|| panic!("no {name} in {xml}")).0
}

/// The changes that an envelope of reports tells; none if it is another.
pub fn changes(envelope: &str) -> Vec<Change> {
    envelope.split("<r:entry>").skip(1).map(change).collect()
}

fn change(entry: &str) -> Change {
    let xml = entry.split("</r:entry>").next().unwrap().to_owned();
    let who = match xml.contains("<c:participant>") {
        true => leaf(&xml, "c:name").to_owned(),
        false => String::new(),
    };
    let rest = xml.split("</c:participant>").last().unwrap();
    let told = [
        "created", "added", "removed", "muted", "talking", "silent", "hidden", "hand", "role",
        "locked", "pictures", "ended",
    ];
    let what = if rest.contains("<c:leg>") {
        leaf(rest, "c:state").to_owned()
    } else {
        let name = told
            .iter()
            .find(|name| rest.contains(&format!("<c:{name}")))
            .unwrap_or_else(|| panic!("what is told here? {xml}"));
        match *name {
            "ended" => format!("ended {}", leaf(rest, "c:reason")),
            "muted" | "talking" | "silent" | "hand" | "locked" => {
                format!("{name} {}", leaf(rest, &format!("c:{name}")))
            }
            name => name.to_owned(),
        }
    };
    Change {
        version: leaf(&xml, "c:version").parse().unwrap(),
        who,
        what,
        xml,
    }
}

/// The program on one device.
pub struct SoapClient {
    pub peer: SipPeer,
    commands: u32,
    /// Envelopes of others than reports that were not asked for yet.
    answers: VecDeque<String>,
    /// Every change that came, in the order in which it came.
    pub changes: Vec<Change>,
}

impl SoapClient {
    pub fn new(peer: SipPeer) -> Self {
        Self {
            peer,
            commands: 0,
            answers: VecDeque::new(),
            changes: Vec::new(),
        }
    }

    /// A command id that nobody used before.
    pub fn next_id(&mut self) -> String {
        self.commands += 1;
        format!("{}-{}", self.peer.local().port(), self.commands)
    }

    /// Sends an envelope to the gateway; the final SIP status.
    pub fn send(&mut self, envelope: &str) -> u16 {
        let to = aor("conference");
        let kind = format!("Content-Type: {TYPE}");
        let response = self
            .peer
            .request("MESSAGE", &to, &to, &[&kind], envelope.as_bytes());
        response.unwrap().status().unwrap()
    }

    /// Sends a command, which must be taken, and waits for its answer.
    pub fn command(&mut self, body: &str) -> String {
        let id = self.next_id();
        let reply_to = self.peer.gruu().unwrap().to_owned();
        let status = self.send(&envelope(&id, &reply_to, &fresh(), body));
        assert!(matches!(status, 200 | 202), "{status}");
        self.answer_to(&id)
    }

    /// The answer to a command.
    pub fn answer_to(&mut self, id: &str) -> String {
        let relates = format!("<a:RelatesTo>{id}</a:RelatesTo>");
        let fits = |answer: &String| answer.contains(&relates);
        loop {
            if let Some(at) = self.answers.iter().position(fits) {
                return self.answers.remove(at).unwrap();
            }
            self.take();
        }
    }

    /// The next answer to whatever it was.
    pub fn fault(&mut self) -> String {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return answer;
            }
            self.take();
        }
    }

    /// The first change, told already or still to come, of this participant.
    pub fn until(&mut self, who: &str, what: &str) -> Change {
        loop {
            let found = self.changes.iter().find(|c| c.who == who && c.what == what);
            if let Some(change) = found {
                return change.clone();
            }
            self.take();
        }
    }

    /// The place of a change in the order that they came in.
    pub fn place(&self, who: &str, what: &str) -> usize {
        let fits = |change: &Change| change.who == who && change.what == what;
        let place = self.changes.iter().position(fits);
        place.unwrap_or_else(|| panic!("{who} {what} was not told: {:#?}", self.told()))
    }

    /// What was told, in short.
    pub fn told(&self) -> Vec<String> {
        let short = |change: &Change| format!("{} {} {}", change.version, change.who, change.what);
        self.changes.iter().map(short).collect()
    }

    /// Every version came once and in order, from the first on.
    pub fn assert_complete(&self) {
        let versions: Vec<u64> = self.changes.iter().map(|change| change.version).collect();
        let expected: Vec<u64> = (1..).take(versions.len()).collect();
        assert_eq!(versions, expected, "{:#?}", self.told());
    }

    /// Takes one more MESSAGE.
    fn take(&mut self) {
        let message = self.peer.expect("MESSAGE");
        let message = message.unwrap_or_else(|error| panic!("{error}; told: {:#?}", self.told()));
        self.peer.reply(&message, 200, "OK", &[], b"").unwrap();
        assert_eq!(
            message.header("Content-Type"),
            Some(TYPE),
            "{}",
            message.text()
        );
        let text = message.text();
        let changes = changes(&text);
        if changes.is_empty() {
            self.answers.push_back(text);
        }
        self.changes.extend(changes);
    }
}

#[test]
fn times_are_written_as_in_the_schema() {
    assert_eq!(utc(0), "1970-01-01T00:00:00Z");
    assert_eq!(utc(1_709_164_801), "2024-02-29T00:00:01Z");
    assert_eq!(utc(1_795_188_504), "2026-11-20T15:28:24Z");
}
