//! Runs a pure core: feeds it transport events, inputs of other parts and the time, and carries out what it puts out.

use std::time::Instant;

use bytes::Bytes;
use sip_proto::Target;
use tokio::sync::mpsc;

use crate::clock;
use crate::sip::{SendToken, SipTransports, TransportEvent, TransportEvents};
use crate::tasks::Shutdown;

/// Events or inputs that are handed to the core before the clock is read again and other tasks get their turn.
const BATCH: usize = 128;

/// A core that speaks SIP. All calls return at once.
pub trait SipCore {
    /// What other parts tell it.
    type Input;
    /// What it tells other parts.
    type Output;

    /// Something came from the network, or a message could not be sent.
    fn handle_transport(&mut self, event: TransportEvent, now: Instant);
    /// Another part said something.
    fn handle_input(&mut self, input: Self::Input, now: Instant);
    /// The time that `poll_timeout` named has come.
    fn handle_timeout(&mut self, now: Instant);
    /// When `handle_timeout` shall be called next.
    fn poll_timeout(&mut self) -> Option<Instant>;
    /// The next thing to do; asked until there is none.
    fn poll_output(&mut self) -> Option<CoreOutput<Self::Output>>;
}

/// What a core wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreOutput<Output> {
    /// Send a message.
    Send {
        /// To where.
        target: Target,
        /// The message.
        bytes: Bytes,
        /// Comes back in `TransportEvent::SendFailed`; `None` asks for no report.
        token: Option<SendToken>,
    },
    /// For another part of the program.
    App(Output),
}

/// Why a core no longer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The token was cancelled.
    Shutdown,
    /// The transports are gone.
    NoTransports,
    /// Nobody can give inputs any more.
    NoInputs,
}

/// Runs a core until one of `Stopped`. `on_output` gets what is for other parts; it must not wait, and decides what
/// happens when their queues are full. Events and inputs take turns, so neither starves the other.
pub async fn drive<C, F>(
    core: &mut C,
    transports: &SipTransports,
    events: &mut TransportEvents,
    inputs: &mut mpsc::Receiver<C::Input>,
    shutdown: &Shutdown,
    mut on_output: F,
) -> Stopped
where
    C: SipCore,
    F: FnMut(C::Output, Instant),
{
    let mut cancelled = std::pin::pin!(shutdown.cancelled());
    loop {
        carry_out(core, transports, &mut on_output);
        let timeout = core.poll_timeout();
        tokio::select! {
            () = &mut cancelled => {
                return Stopped::Shutdown;
            }
            event = events.recv() => {
                let Some(event) = event else { return Stopped::NoTransports };
                let now = clock::now();
                core.handle_transport(event, now);
                for _ in 1..BATCH {
                    carry_out(core, transports, &mut on_output);
                    let Some(event) = events.try_recv() else { break };
                    core.handle_transport(event, now);
                }
            }
            input = inputs.recv() => {
                let Some(input) = input else { return Stopped::NoInputs };
                let now = clock::now();
                core.handle_input(input, now);
                for _ in 1..BATCH {
                    carry_out(core, transports, &mut on_output);
                    let Ok(input) = inputs.try_recv() else { break };
                    core.handle_input(input, now);
                }
            }
            () = sleep_until(timeout) => core.handle_timeout(clock::now()),
        }
    }
}

fn carry_out<C, F>(core: &mut C, transports: &SipTransports, on_output: &mut F)
where
    C: SipCore,
    F: FnMut(C::Output, Instant),
{
    while let Some(output) = core.poll_output() {
        match output {
            CoreOutput::Send {
                target,
                bytes,
                token,
            } => transports.send(&target, bytes, token),
            CoreOutput::App(output) => on_output(output, clock::now()),
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
