//! Makes a session of an offer, on the tokio side: the offer is parsed and answered, memory and keys are made here.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use str0m::config::DtlsCert;
use str0m::crypto::CryptoProvider;
use str0m::format::{Codec, CodecConfig, FormatParams};
use str0m::media::{Frequency, MediaKind, Mid, Pt};
use str0m::net::TcpType;
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Candidate, IceCreds, RtcConfig};

use super::answer::Offer;
use super::session::Session;
use super::transport::{Agreed, Transport};

/// What all web legs share.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// Made with the first web leg, since it takes a moment.
    identity: OnceLock<Option<Identity>>,
}

#[derive(Debug)]
struct Identity {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

/// Where a leg is reached.
#[derive(Debug)]
pub(crate) struct Place {
    pub socket: UdpSocket,
    /// The address that the browser is told.
    pub local: SocketAddr,
    /// That of the listener for TCP, if there is one.
    pub local_tcp: Option<SocketAddr>,
}

/// A session and the answer that opens it.
pub(crate) struct Made {
    pub transport: Box<Transport>,
    pub session: Session,
    pub answer: String,
}

impl Setup {
    /// Parses an offer.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(crate) fn parse(&self, offer: &str) -> Result<Offer, String> {
        Offer::parse(offer).map_err(|error| error.to_string())
    }

    /// Makes the transport, in the place of that of an earlier session if there is one. `random` is fresh.
    ///
    /// # Errors
    /// In words, what is amiss with the offer or with us.
    pub(crate) fn make(
        &self,
        offer: &Offer,
        place: Place,
        before: Option<&Session>,
        now: Instant,
        random: u64,
    ) -> Result<Made, String> {
        let identity = self.identity.get_or_init(make_identity);
        let identity = identity.as_ref().ok_or("no certificate could be made")?;
        let creds = IceCreds::new();
        let (opus, events) = (Pt::from(offer.opus), offer.events.map(Pt::from));
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&identity.crypto))
            .set_dtls_cert(identity.certificate.clone())
            .set_local_ice_credentials(creds.clone())
            .set_ice_lite(true)
            .set_rtp_mode(true)
            // One frame at a time is sent, and taken at once.
            .set_send_buffer_audio(2)
            .set_extension_map(extensions(offer));
        *rtc.codec_config() = codecs(opus, events);
        let mut rtc = rtc.build(now);

        let unusable = |error| format!("{} cannot be offered: {error}", place.local);
        let mut candidates = vec![Candidate::host(place.local, "udp").map_err(unusable)?];
        if let Some(local) = place.local_tcp {
            let tcp = Candidate::builder()
                .tcp()
                .host(local)
                .tcptype(TcpType::Passive);
            candidates.push(tcp.build().map_err(unusable)?);
        }
        for candidate in &candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        let mut api = rtc.direct_api();
        api.set_remote_ice_credentials(offer.remote.clone());
        api.set_remote_fingerprint(offer.fingerprint.clone());
        api.set_ice_controlling(false);
        let begun = api.start_dtls(offer.active);
        begun.map_err(|error| format!("DTLS cannot be begun: {error}"))?;
        let mid = Mid::from(offer.mid.as_str());
        api.declare_media(mid, MediaKind::Audio);
        let ssrc = api.new_ssrc();
        let stream = api.declare_stream_tx(ssrc, None, mid, None);
        // Voice is never sent again; what is remembered for that would be for nothing.
        stream.set_rtx_cache(1, std::time::Duration::ZERO, None);
        if let Some(theirs) = offer.ssrc {
            api.expect_stream_rx(theirs.into(), None, mid, None)
                .suppress_nack(true);
        }
        let fingerprint = api.local_dtls_fingerprint().clone();
        let session = Session {
            id: before.map_or(random >> 2, |before| before.id),
            version: before.map_or(1, |before| before.version + 1),
            origin: offer.origin,
            remote: offer.remote.clone(),
            remote_fingerprint: offer.fingerprint.clone(),
            mid: offer.mid.clone(),
            opus: offer.opus,
            events: offer.events,
            creds: creds.clone(),
            fingerprint,
            candidates: candidates.clone(),
            local: place.local,
            ssrc: *ssrc,
            active: offer.active,
        };
        let agreed = Agreed {
            ssrc,
            opus,
            events,
            send: offer.direction.sends(),
            receive: offer.direction.receives(),
        };
        let [low, high, ..] = random.to_le_bytes();
        let transport = Transport::new(
            rtc,
            place.socket,
            (place.local, place.local_tcp),
            candidates,
            creds.ufrag,
            agreed,
            u16::from_le_bytes([low, high]),
        );
        Ok(Made {
            transport: Box::new(transport),
            answer: session.answer(offer),
            session,
        })
    }
}

fn make_identity() -> Option<Identity> {
    let crypto = str0m::crypto::from_feature_flags();
    let certificate = crypto.dtls_provider.generate_certificate()?;
    Some(Identity {
        crypto: Arc::new(crypto),
        certificate,
    })
}

/// Only what is used: the level before decoding, and the name of the stream until it is known.
fn extensions(offer: &Offer) -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    if let Some(id) = offer.audio_level {
        map.set(id, Extension::AudioLevel);
    }
    if let Some(id) = offer.mid_extension {
        map.set(id, Extension::RtpMid);
    }
    map
}

fn codecs(opus: Pt, events: Option<Pt>) -> CodecConfig {
    let mut codecs = CodecConfig::empty();
    let clock = Frequency::FORTY_EIGHT_KHZ;
    codecs.add_config(
        opus,
        None,
        Codec::Opus,
        clock,
        Some(2),
        FormatParams::default(),
    );
    if let Some(events) = events {
        codecs.add_config(
            events,
            None,
            Codec::Tele,
            clock,
            None,
            FormatParams::default(),
        );
    }
    codecs
}
