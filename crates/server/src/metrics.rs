//! Counts of the running parts in Prometheus' text form (exposition format 0.0.4), for the administrator's key.

use std::fmt::Write;
use std::sync::Weak;

use api::{Caller, Keys};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use media::Engine;
use runtime::sip::SipTransports;

/// What is counted.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub keys: Keys,
    /// Open transports, each with the name of its part.
    pub transports: Vec<(&'static str, SipTransports)>,
    /// The media bridge; it ends without asking us.
    pub media: Option<Weak<Engine>>,
}

/// The route: `/metrics`.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .with_state(metrics)
}

async fn show(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    match metrics.keys.caller(authorization).await {
        Ok(Caller::Administrator) => {}
        Ok(Caller::Gateway | Caller::Person { .. }) => {
            return StatusCode::FORBIDDEN.into_response();
        }
        Err(_) => {
            let ask = [(header::WWW_AUTHENTICATE, "Bearer realm=\"convoke\"")];
            return (StatusCode::UNAUTHORIZED, ask).into_response();
        }
    }
    let form = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (form, metrics.text()).into_response()
}

/// One line of a family: its labels and its value.
type Sample = (String, u64);

impl Metrics {
    fn text(&self) -> String {
        let mut text = String::new();
        let stats: Vec<_> = self
            .transports
            .iter()
            .map(|(part, transports)| (format!("{{part=\"{part}\"}}"), transports.stats()))
            .collect();
        let mut family = |name: &str, kind: &str, help: &str, samples: Vec<Sample>| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "# HELP convoke_{name} {help}\n# TYPE convoke_{name} {kind}"
            );
            for (labels, value) in samples {
                let _ = writeln!(text, "convoke_{name}{labels} {value}");
            }
        };
        let of = |read: fn(&runtime::sip::Stats) -> u64| -> Vec<Sample> {
            let sample = |(labels, stats): &(String, _)| (labels.clone(), read(stats));
            stats.iter().map(sample).collect()
        };
        let open = of(|stats| u64::try_from(stats.connections).unwrap_or(u64::MAX));
        family("sip_connections", "gauge", "Open SIP connections.", open);
        let received = of(|stats| stats.received);
        family(
            "sip_received_total",
            "counter",
            "SIP messages received.",
            received,
        );
        let sent = of(|stats| stats.sent);
        family(
            "sip_sent_total",
            "counter",
            "SIP messages given to be sent.",
            sent,
        );
        let refused = of(|stats| stats.refused);
        family(
            "sip_refused_total",
            "counter",
            "Connections refused for a limit.",
            refused,
        );
        let overrun = of(|stats| stats.overrun);
        family(
            "sip_overrun_total",
            "counter",
            "Connections closed because their peer did not read.",
            overrun,
        );
        let bad = of(|stats| stats.bad);
        family(
            "sip_bad_total",
            "counter",
            "What could not be read as SIP.",
            bad,
        );
        let dropped = of(|stats| stats.datagrams_dropped);
        family(
            "sip_datagrams_dropped_total",
            "counter",
            "Datagrams that found their queue full.",
            dropped,
        );
        if let Some(engine) = self.media.as_ref().and_then(Weak::upgrade) {
            let counts = engine.counters();
            for (name, help, value) in [
                (
                    "rtp_malformed_total",
                    "Datagrams that are no RTP.",
                    counts.malformed,
                ),
                (
                    "rtp_unexpected_total",
                    "RTP that was not negotiated.",
                    counts.unexpected,
                ),
                (
                    "rtp_send_errors_total",
                    "RTP packets that the system did not take.",
                    counts.send_errors,
                ),
                (
                    "media_skipped_ticks_total",
                    "Steps of 2.5 ms that were left out.",
                    counts.skipped_ticks,
                ),
                (
                    "media_latest_ms",
                    "The longest that a media thread was behind, in milliseconds.",
                    counts.latest_ms,
                ),
            ] {
                let kind = if name.ends_with("_total") {
                    "counter"
                } else {
                    "gauge"
                };
                family(name, kind, help, vec![(String::new(), value)]);
            }
        }
        text
    }
}
