//! What every conference needs while it handles one input: the time, the command, trunks, timers, and where outputs go.

use std::collections::VecDeque;
use std::time::Instant;

use convoke_types::bridge::BridgeCommand;
use convoke_types::report::Report;
use convoke_types::{CommandId, Fault};

use crate::command::{Output, Reply};
use crate::record::LegRecord;
use crate::timers::Timers;
use crate::trunks::Trunks;

/// See the module.
#[derive(Debug)]
pub(crate) struct Context {
    /// When the input came.
    pub(crate) now: Instant,
    /// The command being carried out, if the input is one.
    pub(crate) command: Option<CommandId>,
    /// All trunks.
    pub(crate) trunks: Trunks,
    /// All timers.
    pub(crate) timers: Timers,
    news: Vec<Output>,
    bridge: Vec<Output>,
    outputs: VecDeque<Output>,
}

impl Context {
    pub(crate) fn new(now: Instant, trunks: Trunks) -> Self {
        Self {
            now,
            command: None,
            trunks,
            timers: Timers::default(),
            news: Vec::new(),
            bridge: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Begins an input.
    pub(crate) fn begin(&mut self, now: Instant, command: Option<CommandId>) {
        self.now = now;
        self.command = command;
    }

    /// Answers the command, before everything that it led to.
    pub(crate) fn reply(&mut self, command: CommandId, result: Result<Reply, Fault>) {
        self.outputs.push_back(Output::Reply { command, result });
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.news.push(Output::Report(report));
    }

    pub(crate) fn record(&mut self, record: LegRecord) {
        self.news.push(Output::Record(record));
    }

    pub(crate) fn bridge(&mut self, command: BridgeCommand) {
        self.bridge.push(Output::Bridge(command));
    }

    /// Ends an input: news first, bridge commands last.
    pub(crate) fn flush(&mut self) {
        self.outputs.extend(self.news.drain(..));
        self.outputs.extend(self.bridge.drain(..));
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn outputs_waiting(&self) -> usize {
        self.outputs.len()
    }
}
