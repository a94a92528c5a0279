//! One browser: a full ICE agent that offers, with its socket.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::crypto::CryptoProvider;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::Manner;
use super::sound::{LEVEL, Sounds};

/// RTP clock of a frame of 20 ms.
const STEP: u32 = 960;

/// What all browsers share, so that making one takes no new key.
#[derive(Debug)]
pub(super) struct Identity {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl Identity {
    pub(super) fn make() -> Result<Self> {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        Ok(Self {
            crypto: Arc::new(crypto),
            certificate: certificate.context("no certificate could be made")?,
        })
    }
}

/// See the module.
pub(super) struct Peer {
    rtc: Rtc,
    pub socket: UdpSocket,
    local: SocketAddr,
    pub number: usize,
    pub manner: Manner,
    pending: Option<SdpPendingOffer>,
    mid: Mid,
    pub connected: bool,
    /// Packets that came and could be decrypted, before counting.
    pub proved: u32,
    frame: usize,
    sequence: u64,
    time: u32,
    deadline: Option<Instant>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Peer");
        debug.field("number", &self.number).finish_non_exhaustive()
    }
}

impl Peer {
    /// Makes one, and its offer.
    pub(super) fn new(
        identity: &Identity,
        number: usize,
        manner: Manner,
    ) -> Result<(Self, String)> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let socket = socket.with_context(|| format!("no socket for browser {number}"))?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let mut extensions = ExtensionMap::empty();
        extensions.set(1, Extension::AudioLevel);
        extensions.set(4, Extension::RtpMid);
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&identity.crypto))
            .set_dtls_cert(identity.certificate.clone())
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .set_extension_map(extensions)
            .build(now());
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().context("nothing to offer")?;
        let offer = offer.to_sdp_string();
        let peer = Self {
            rtc,
            socket,
            local,
            number,
            manner,
            pending: Some(pending),
            mid,
            connected: false,
            proved: 0,
            frame: number * 7,
            sequence: 1,
            time: 0,
            deadline: None,
        };
        Ok((peer, offer))
    }

    pub(super) fn answered(&mut self, answer: &str) -> Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer)?;
        let pending = self.pending.take().context("the offer has been answered")?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    /// 20 ms are over: says something, and does what is due. Returns whether a packet was sent.
    pub(super) fn tick(&mut self, sounds: &Sounds) -> Result<bool> {
        let now = now();
        self.time = self.time.wrapping_add(STEP);
        let frame = match self.manner {
            _ if !self.connected => None,
            Manner::Talks => sounds.voice(self.number, self.frame),
            Manner::Listens => sounds.rest(self.frame),
        };
        self.frame += 1;
        let sends = frame.is_some();
        if let Some(frame) = frame {
            let values = ExtensionValues {
                audio_level: Some(if self.manner == Manner::Talks {
                    LEVEL
                } else {
                    -127
                }),
                voice_activity: Some(self.manner == Manner::Talks),
                ..ExtensionValues::default()
            };
            let write = RtpWrite::new(111.into(), self.sequence.into(), self.time, now, frame);
            self.sequence += 1;
            let mut api = self.rtc.direct_api();
            if let Some(stream) = api.stream_tx_by_mid(self.mid, None) {
                stream.write_rtp(write.ext_vals(values));
            }
        }
        if sends || self.deadline.is_none_or(|deadline| deadline <= now) {
            self.rtc.handle_input(Input::Timeout(now))?;
            self.drain()?;
        }
        Ok(sends)
    }

    /// A packet for the session: STUN, DTLS, RTCP, and voice until it has proved itself.
    pub(super) fn take(&mut self, from: SocketAddr, packet: &[u8]) -> Result<()> {
        let Ok(received) = Receive::new(Protocol::Udp, from, self.local, packet) else {
            return Ok(());
        };
        self.rtc.handle_input(Input::Receive(now(), received))?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    // What cannot be sent shows as lost.
                    let _sent = self
                        .socket
                        .send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(_)) => self.proved += 1,
                Output::Event(_) => {}
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: the session's clock is this thread's"
)]
fn now() -> Instant {
    Instant::now()
}
