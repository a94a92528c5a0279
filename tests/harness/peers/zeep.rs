//! Python's zeep as a client of the conference web service: knows only the WSDL's URL and a token (`tests/py/zeep_client.py`).

use anyhow::{Context, bail};
use serde_json::{Value, json};
use testkit::process::Program;

use super::python;
use crate::convoke::Convoke;

/// Longest wait of one `get`, in milliseconds.
const WAIT_MS: u32 = 5_000;
/// How many reports are read at most before a test's wait is given up.
const REPORTS_MAX: usize = 2_000;

/// What zeep raised: a typed fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `faultcode`'s local name.
    pub faultcode: String,
    /// The code of the detail.
    pub code: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

/// A running zeep.
pub struct Zeep {
    program: Program,
    next_line: usize,
}

impl Zeep {
    /// Loads the WSDL of a running server.
    pub fn start(convoke: &Convoke, token: &str) -> anyhow::Result<Self> {
        let url = convoke.ready()["url"]
            .as_str()
            .context("no url in the ready line")?;
        Self::load(&format!("{url}/soap/conference?wsdl"), token)
    }

    /// Loads this WSDL.
    pub fn load(wsdl: &str, token: &str) -> anyhow::Result<Self> {
        let program = python::start("zeep_client.py", &[wsdl, token])?;
        let (next_line, _) = program.wait_line_from(0, "the WSDL loaded", |line| line.stdout)?;
        Ok(Self { program, next_line })
    }

    /// Calls an operation; the inner error is a typed fault.
    pub fn ask(
        &mut self,
        operation: &str,
        arguments: Value,
    ) -> anyhow::Result<Result<Value, Fault>> {
        self.ask_as(operation, arguments, None)
    }

    /// The same as a command with an id of the test's choice (`wsa:MessageID`).
    pub fn ask_as(
        &mut self,
        operation: &str,
        arguments: Value,
        id: Option<&str>,
    ) -> anyhow::Result<Result<Value, Fault>> {
        let order = json!({ "operation": operation, "arguments": arguments, "id": id });
        self.program.say(&order.to_string())?;
        let (next, line) = self
            .program
            .wait_line_from(self.next_line, "an answer", |line| line.stdout)?;
        self.next_line = next;
        let mut said: Value = serde_json::from_str(&line.text)?;
        if let Some(fault) = said.get("fault") {
            let word = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
            return Ok(Err(Fault {
                faultcode: word("faultcode"),
                code: word("code"),
                expected: word("expected"),
                came: word("came"),
            }));
        }
        match said.get_mut("answer") {
            Some(answer) => Ok(Ok(answer.take())),
            None => bail!("zeep said {said}"),
        }
    }

    /// An operation that must be accepted.
    pub fn accepted(&mut self, operation: &str, arguments: Value) -> anyhow::Result<Value> {
        let said = self.ask(operation, arguments)?;
        said.map_err(|fault| anyhow::anyhow!("{operation} was refused: {fault:?}"))
    }

    /// Creates a conference and follows it.
    pub fn create(&mut self, arguments: Value) -> anyhow::Result<Followed> {
        let made = self.accepted("create", arguments)?;
        let id = made["id"].as_str().context("a conference without id")?;
        Ok(Followed {
            id: id.to_owned(),
            made: made.clone(),
            reports: Vec::new(),
        })
    }
}

/// A conference whose reports are read by `get(since, waitMs)`.
#[derive(Debug)]
pub struct Followed {
    /// Its id.
    pub id: String,
    /// The answer to `create`.
    pub made: Value,
    /// Its reports so far.
    pub reports: Vec<Value>,
}

impl Followed {
    /// The id of the participant of this name.
    pub fn participant(&self, name: &str) -> anyhow::Result<String> {
        let of_roster = self.made["participant"].as_array().into_iter().flatten();
        let of_reports = self.reports.iter().map(|report| &report["participant"]);
        of_roster
            .chain(of_reports)
            .find(|who| who["name"] == shown(name))
            .and_then(|who| who["id"].as_str())
            .map(str::to_owned)
            .with_context(|| format!("nobody called {name}"))
    }

    /// Reads reports until one fits, and gives its place among all.
    pub fn until(
        &mut self,
        zeep: &mut Zeep,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<usize> {
        self.until_from(zeep, 0, what, fits)
    }

    /// The same, among the reports from the place `from` on.
    pub fn until_from(
        &mut self,
        zeep: &mut Zeep,
        from: usize,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<usize> {
        let mut quiet = 0;
        loop {
            let found = self
                .reports
                .iter()
                .enumerate()
                .skip(from)
                .find(|(_, report)| fits(report));
            if let Some((at, _)) = found {
                return Ok(at);
            }
            if self.is_over() || quiet >= 5 || self.reports.len() > REPORTS_MAX {
                bail!(
                    "{what} was never reported; the reports were:\n{}",
                    self.words().join("\n")
                );
            }
            let arguments = json!({
                "conference": self.id, "since": self.reports.len(), "waitMs": WAIT_MS,
            });
            let answer = zeep.accepted("get", arguments)?;
            let came = answer["report"].as_array().cloned().unwrap_or_default();
            quiet = if came.is_empty() { quiet + 1 } else { 0 };
            self.reports.extend(came);
        }
    }

    /// Until this participant's leg is in this state.
    pub fn until_leg(&mut self, zeep: &mut Zeep, name: &str, state: &str) -> anyhow::Result<usize> {
        self.until(zeep, &format!("{name} {state}"), |report| {
            is_leg(report, name, state)
        })
    }

    /// Until the end; gives its reason.
    pub fn until_ended(&mut self, zeep: &mut Zeep) -> anyhow::Result<String> {
        let at = self.until(zeep, "the end", |report| !report["ended"].is_null())?;
        Ok(self.reports[at]["ended"]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// The place of this leg's state among the reports so far.
    pub fn place(&self, name: &str, state: &str) -> Option<usize> {
        self.reports
            .iter()
            .position(|report| is_leg(report, name, state))
    }

    /// The states of this participant's legs so far, in order.
    pub fn states(&self, name: &str) -> Vec<String> {
        self.reports
            .iter()
            .filter(|report| report["participant"]["name"] == shown(name))
            .filter_map(|report| report["leg"]["state"].as_str().map(str::to_owned))
            .collect()
    }

    /// Every report as a few words, without who talks and who is silent.
    pub fn words(&self) -> Vec<String> {
        self.reports.iter().filter_map(words).collect()
    }

    fn is_over(&self) -> bool {
        self.reports
            .last()
            .is_some_and(|report| !report["ended"].is_null())
    }
}

/// What somebody is called by: a bare number is no name, since others must not see it.
pub fn shown(who: &str) -> String {
    match who.starts_with('+') {
        true => format!("outside {who}"),
        false => who.to_owned(),
    }
}

/// Whether a report says that this participant's leg is in this state.
pub fn is_leg(report: &Value, name: &str, state: &str) -> bool {
    report["participant"]["name"] == shown(name) && report["leg"]["state"] == state
}

fn words(report: &Value) -> Option<String> {
    let name = report["participant"]["name"]
        .as_str()
        .unwrap_or("the conference");
    let there = |key: &str| !report[key].is_null();
    Some(if there("leg") {
        format!(
            "{name} {}",
            report["leg"]["state"].as_str().unwrap_or_default()
        )
    } else if there("ended") {
        format!(
            "{name} ended: {}",
            report["ended"]["reason"].as_str().unwrap_or_default()
        )
    } else if there("role") {
        let role = report["participant"]["role"].as_str();
        format!("{name} is {}", role.unwrap_or_default())
    } else if let Some(switch) = ["muted", "hand", "locked"]
        .into_iter()
        .find(|key| there(key))
    {
        format!(
            "{name} {switch}: {}",
            report[switch].as_str().unwrap_or_default()
        )
    } else if there("talking") || there("silent") {
        return None;
    } else {
        let what = ["created", "added", "removed"]
            .into_iter()
            .find(|key| there(key));
        format!("{name} {}", what.unwrap_or("?"))
    })
}
