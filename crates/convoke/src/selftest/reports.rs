//! The reports that reach Alice's device, kept in the order they come.

use std::time::Duration;

use client::{ConferenceClient, Event};
use convoke_types::report::{Change, Report};
use convoke_types::{ConferenceId, LegState};
use runtime::clock;

/// How long is waited for one report.
const REPORT_LIMIT: Duration = Duration::from_secs(15);

/// The reports of one conference.
pub struct Reports<'a> {
    device: &'a ConferenceClient,
    conference: ConferenceId,
    seen: Vec<Report>,
}

impl<'a> Reports<'a> {
    /// None seen yet.
    pub fn of(device: &'a ConferenceClient, conference: ConferenceId) -> Self {
        Self {
            device,
            conference,
            seen: Vec::new(),
        }
    }

    /// All that came so far.
    pub fn seen(&self) -> &[Report] {
        &self.seen
    }

    /// Waits until a report that fits has come, now or before.
    pub async fn until(
        &mut self,
        what: &str,
        fits: impl Fn(&Report) -> bool,
    ) -> Result<Report, String> {
        if let Some(report) = self.seen.iter().find(|report| fits(report)) {
            return Ok(report.clone());
        }
        let waited = clock::within(REPORT_LIMIT, async {
            loop {
                match self.device.next().await {
                    Some(Event::Report(report)) if report.conference == self.conference => {
                        self.seen.push(report.clone());
                        if fits(&report) {
                            return Ok(report.clone());
                        }
                    }
                    Some(Event::Missed) => return Err("reports were lost on their way".to_owned()),
                    Some(_) => {}
                    None => return Err("the client was closed".to_owned()),
                }
            }
        });
        waited
            .await
            .map_err(|_| format!("no report of {what} within {} s", REPORT_LIMIT.as_secs()))?
    }

    /// Waits until a participant's leg is in this state.
    pub async fn until_leg(&mut self, name: &str, state: LegState) -> Result<Report, String> {
        self.until(&format!("{name}: {state}"), |report| {
            is_leg(report, name, state)
        })
        .await
    }

    /// Waits for the end of the conference.
    pub async fn until_ended(&mut self) -> Result<Report, String> {
        self.until("the end", |report| {
            matches!(report.change, Change::Ended { .. })
        })
        .await
    }

    /// Where in the order a leg's state was told.
    pub fn place_of(&self, name: &str, state: LegState) -> Option<usize> {
        self.seen
            .iter()
            .position(|report| is_leg(report, name, state))
    }

    /// Whether every version from the first to the end came once and in order.
    pub fn are_in_order(&self) -> Result<String, String> {
        let mut expected = 1;
        for report in &self.seen {
            if report.version != expected {
                return Err(format!(
                    "expected version {expected}, came {}",
                    report.version
                ));
            }
            expected += 1;
        }
        match self.seen.last().map(|report| &report.change) {
            Some(Change::Ended { .. }) => Ok(format!(
                "versions 1 to {} without a gap, the end last",
                expected - 1
            )),
            _ => Err("the end was not the last report".to_owned()),
        }
    }
}

/// Whether a report tells that the participant whose name begins so is in a state.
pub fn is_leg(report: &Report, name: &str, wanted: LegState) -> bool {
    let theirs = report
        .participant
        .as_ref()
        .is_some_and(|whom| whom.name.starts_with(name));
    theirs && matches!(&report.change, Change::Leg { state, .. } if *state == wanted)
}
