//! A browser's offer (RFC 8829), what it asks of the transport, and the answer to it.
//!
//! Taken is the first audio stream that speaks Opus over DTLS-SRTP; everything else is refused (port 0). The answer is that of
//! an ICE-lite agent, whose candidates are all in it.

use std::net::SocketAddr;

use sip_proto::sdp::{Attribute, Direction, Media, Origin, Sdp};
use str0m::config::Fingerprint;
use str0m::{Candidate, IceCreds};

/// RFC 6464, in RFC 8285's notation.
const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// RFC 8843 §15.
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// What we like to receive: few bits, and none while nobody speaks (RFC 7587 §6.1).
const OPUS_FMTP: &str = "minptime=10;useinbandfec=1;usedtx=1;stereo=0;maxaveragebitrate=24000";
/// Lengths that RFC 8839 §5.4 allows.
const UFRAG: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;

/// Why an offer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("expected a session description: {0}")]
    Malformed(String),
    #[error("expected audio over DTLS-SRTP with Opus in the offer, came none")]
    NoAudio,
    #[error("expected {0} in the offer, came none or one that is not usable")]
    Missing(&'static str),
}

/// What was offered of the stream that is taken.
#[derive(Debug)]
pub(crate) struct Offer {
    sdp: Sdp,
    /// Which of its streams.
    index: usize,
    /// The browser's name for its end (`o=`): another one is another `RTCPeerConnection`.
    pub origin: u64,
    pub mid: String,
    pub remote: IceCreds,
    pub fingerprint: Fingerprint,
    /// We begin the DTLS handshake, since the browser insists on waiting for it.
    pub active: bool,
    pub opus: u8,
    /// Payload type of telephone-event.
    pub events: Option<u8>,
    pub audio_level: Option<u8>,
    pub mid_extension: Option<u8>,
    /// What the browser sends as, if it says so.
    pub ssrc: Option<u32>,
    /// Our direction.
    pub direction: Direction,
}

/// What our side of the answer says.
#[derive(Debug)]
pub(crate) struct Ours<'a> {
    pub session_id: u64,
    pub version: u64,
    pub creds: &'a IceCreds,
    pub fingerprint: &'a Fingerprint,
    pub candidates: &'a [Candidate],
    pub local: SocketAddr,
    pub ssrc: u32,
    /// We began the DTLS handshake.
    pub active: bool,
}

impl Offer {
    pub(crate) fn parse(text: &str) -> Result<Self, OfferError> {
        let sdp = Sdp::parse(text.as_bytes()).map_err(|e| OfferError::Malformed(e.to_string()))?;
        let (index, opus) = sdp
            .media
            .iter()
            .enumerate()
            .find_map(|(index, media)| Some((index, opus_of(media)?)))
            .ok_or(OfferError::NoAudio)?;
        let media = &sdp.media[index];
        // Each of these stands with the stream or with the session.
        let attribute = |name: &str| {
            media.attribute(name).or_else(|| {
                let of_session = sdp.attributes.iter().find(|a| a.name == name);
                of_session.and_then(|a| a.value.as_deref())
            })
        };
        if !media.attributes.iter().any(|a| a.name == "rtcp-mux") {
            return Err(OfferError::Missing("rtcp-mux"));
        }
        let ufrag = attribute("ice-ufrag").filter(|u| UFRAG.contains(&u.len()));
        let pass = attribute("ice-pwd").filter(|p| PASSWORD.contains(&p.len()));
        let remote = ufrag
            .zip(pass)
            .map(|(ufrag, pass)| IceCreds {
                ufrag: ufrag.to_owned(),
                pass: pass.to_owned(),
            })
            .ok_or(OfferError::Missing("ICE credentials"))?;
        let fingerprint = attribute("fingerprint")
            .and_then(|f| f.trim().parse::<Fingerprint>().ok())
            .filter(|f| f.hash_func.eq_ignore_ascii_case("sha-256") && f.bytes.len() == 32)
            .map(|f| Fingerprint {
                hash_func: "sha-256".to_owned(),
                bytes: f.bytes,
            })
            .ok_or(OfferError::Missing("a SHA-256 fingerprint"))?;
        let active = match attribute("setup") {
            Some("actpass" | "active") => false,
            Some("passive") => true,
            _ => return Err(OfferError::Missing("a=setup")),
        };
        let ssrc = media.attribute("ssrc");
        let ssrc = ssrc.and_then(|s| s.split(' ').next()?.parse().ok());
        Ok(Self {
            origin: sdp.origin.session_id,
            mid: media.attribute("mid").unwrap_or("0").to_owned(),
            remote,
            fingerprint,
            active,
            opus,
            events: events_of(media),
            audio_level: extension(media, AUDIO_LEVEL_URI),
            mid_extension: extension(media, MID_URI),
            ssrc: ssrc.filter(|ssrc| *ssrc != 0),
            direction: Direction::SendRecv.answering(sdp.direction_of(media)),
            index,
            sdp,
        })
    }

    pub(crate) fn answer(&self, ours: &Ours<'_>) -> String {
        let host = ours.local.ip().to_string();
        let media = self.sdp.media.iter().enumerate();
        let media = media.map(|(index, media)| {
            if index == self.index {
                self.accepted(media, ours)
            } else {
                refused(media)
            }
        });
        let answer = Sdp {
            origin: Origin {
                username: "-".to_owned(),
                session_id: ours.session_id,
                version: ours.version,
                host: host.clone(),
            },
            name: "-".to_owned(),
            connection: Some(host),
            attributes: vec![
                Attribute::new("group", format!("BUNDLE {}", self.mid)),
                Attribute::flag("ice-lite"),
                Attribute::new("msid-semantic", " WMS *"),
            ],
            other: vec![('t', "0 0".to_owned())],
            media: media.collect(),
        };
        answer.to_string()
    }

    fn accepted(&self, offered: &Media, ours: &Ours<'_>) -> Media {
        let mut formats = vec![self.opus.to_string()];
        let mut attributes = vec![
            Attribute::new("mid", &self.mid),
            Attribute::flag("rtcp-mux"),
            Attribute::flag(self.direction.as_str()),
            Attribute::new("ice-ufrag", &ours.creds.ufrag),
            Attribute::new("ice-pwd", &ours.creds.pass),
            Attribute::new("fingerprint", ours.fingerprint.to_string()),
            Attribute::new("setup", if ours.active { "active" } else { "passive" }),
            Attribute::new("rtpmap", format!("{} opus/48000/2", self.opus)),
            Attribute::new("fmtp", format!("{} {OPUS_FMTP}", self.opus)),
        ];
        if let Some(events) = self.events {
            formats.push(events.to_string());
            let map = offered.rtpmap(events).unwrap_or("telephone-event/48000");
            attributes.push(Attribute::new("rtpmap", format!("{events} {map}")));
            attributes.push(Attribute::new("fmtp", format!("{events} 0-15")));
        }
        attributes.push(Attribute::new("ptime", "20"));
        let extensions = [
            (self.mid_extension, MID_URI),
            (self.audio_level, AUDIO_LEVEL_URI),
        ];
        for (id, uri) in extensions {
            if let Some(id) = id {
                attributes.push(Attribute::new("extmap", format!("{id} {uri}")));
            }
        }
        if self.direction.sends() {
            attributes.push(Attribute::new("msid", "convoke mix"));
            attributes.push(Attribute::new(
                "ssrc",
                format!("{} cname:convoke", ours.ssrc),
            ));
        }
        for candidate in ours.candidates {
            let text = candidate.to_sdp_string();
            let value = text.strip_prefix("a=").unwrap_or(&text).trim_end();
            let value = value.strip_prefix("candidate:").unwrap_or(value);
            attributes.push(Attribute::new("candidate", value));
        }
        attributes.push(Attribute::flag("end-of-candidates"));
        Media {
            kind: "audio".to_owned(),
            port: ours.local.port(),
            protocol: offered.protocol.clone(),
            formats,
            connection: None,
            attributes,
            other: Vec::new(),
        }
    }
}

fn refused(offered: &Media) -> Media {
    let mid = offered
        .attribute("mid")
        .map(|mid| Attribute::new("mid", mid));
    // Some peers want a direction and what the format is also of what is refused.
    let format = offered.payload_types().next();
    let map = format.and_then(|pt| {
        Some(Attribute::new(
            "rtpmap",
            format!("{pt} {}", offered.rtpmap(pt)?),
        ))
    });
    let attributes = mid
        .into_iter()
        .chain([Attribute::flag("inactive")])
        .chain(map);
    Media {
        kind: offered.kind.clone(),
        port: 0,
        protocol: offered.protocol.clone(),
        formats: offered.formats.iter().take(1).cloned().collect(),
        connection: None,
        attributes: attributes.collect(),
        other: Vec::new(),
    }
}

/// Payload type of Opus in a stream that can be taken.
fn opus_of(media: &Media) -> Option<u8> {
    let secure = [
        "UDP/TLS/RTP/SAVPF",
        "TCP/DTLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
    ];
    let fits = media.kind == "audio"
        && media.port != 0
        && secure
            .iter()
            .any(|p| media.protocol.eq_ignore_ascii_case(p));
    if !fits {
        return None;
    }
    let is_opus = |map: &str| map.to_ascii_lowercase().starts_with("opus/48000");
    let mut types = media.payload_types();
    types.find(|pt| media.rtpmap(*pt).is_some_and(is_opus))
}

/// Payload type of telephone-event, best with the clock of Opus.
fn events_of(media: &Media) -> Option<u8> {
    let with_clock = |clock: &str| {
        media.payload_types().find(|pt| {
            let map = media.rtpmap(*pt).map(str::to_ascii_lowercase);
            map.is_some_and(|map| map == format!("telephone-event/{clock}"))
        })
    };
    with_clock("48000").or_else(|| with_clock("8000"))
}

/// The id that the offer gives a header extension (RFC 8285 §8), if one byte can hold it.
fn extension(media: &Media, uri: &str) -> Option<u8> {
    let maps = media.attributes.iter().filter(|a| a.name == "extmap");
    maps.filter_map(|a| a.value.as_deref())
        .filter_map(|value| value.split_once(' '))
        .find(|(_, rest)| rest.split(' ').next() == Some(uri))
        .and_then(|(id, _)| id.split('/').next()?.parse().ok())
        .filter(|id| (1..=14).contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Chromium 130 offers for a microphone, shortened, and a camera beside it.
    const CHROMIUM: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
        c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:gXPl\r\na=ice-pwd:6FYzyWOkqTcbzV/k8KmvJVnB\r\n\
        a=ice-options:trickle\r\na=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:5E:EA:6F:AF:52:CE:E6:0F\r\n\
        a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
        a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
        a=ssrc:1234567 cname:abc\r\na=ssrc:1234567 msid:stream track\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";

    fn answered(offer: &Offer) -> Sdp {
        let local: SocketAddr = "192.0.2.1:20000".parse().unwrap();
        let candidates = [Candidate::host(local, "udp").unwrap()];
        let creds = IceCreds {
            ufrag: "ours".to_owned(),
            pass: "secretsecretsecretsecret".to_owned(),
        };
        let text = offer.answer(&Ours {
            session_id: 7,
            version: 1,
            creds: &creds,
            fingerprint: &offer.fingerprint,
            candidates: &candidates,
            local,
            ssrc: 99,
            active: offer.active,
        });
        Sdp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_browsers_audio_is_taken_and_its_video_refused() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        assert_eq!((offer.opus, offer.events), (111, Some(110)));
        assert_eq!((offer.audio_level, offer.mid_extension), (Some(1), Some(4)));
        assert_eq!((offer.ssrc, offer.active), (Some(1_234_567), false));
        let answer = answered(&offer);
        let text = answer.to_string();
        assert_eq!(answer.media.len(), 2);
        let audio = &answer.media[0];
        assert_eq!(
            (audio.port, audio.formats.join(" ").as_str()),
            (20_000, "111 110")
        );
        assert!(audio.fmtp(111).unwrap().contains("usedtx=1;"));
        assert!(audio.fmtp(111).unwrap().contains("maxaveragebitrate=24000"));
        assert_eq!(audio.attribute("setup"), Some("passive"));
        assert!(
            audio
                .attribute("candidate")
                .unwrap()
                .ends_with("udp 2130706175 192.0.2.1 20000 typ host")
        );
        assert_eq!(
            (answer.media[1].port, answer.media[1].attribute("mid")),
            (0, Some("1"))
        );
        assert!(text.contains("a=group:BUNDLE 0\r\n") && text.contains("a=ice-lite\r\n"));
        // No feedback about congestion: a voice of 24 kbit/s has nothing to give up.
        assert!(!text.contains("transport-wide-cc") && !text.contains("transport-cc"));
    }

    #[test]
    fn directions_are_answered_and_a_passive_browser_is_called() {
        let offer = CHROMIUM
            .replace("a=sendrecv", "a=recvonly")
            .replace("actpass", "passive");
        let offer = Offer::parse(&offer).unwrap();
        assert!(offer.active && offer.direction == Direction::SendOnly);
        assert_eq!(answered(&offer).media[0].attribute("setup"), Some("active"));
    }

    #[test]
    fn what_cannot_be_taken_says_what_is_missing() {
        let fault = |from: &str, to: &str| Offer::parse(&CHROMIUM.replace(from, to)).unwrap_err();
        assert_eq!(fault("opus", "speex"), OfferError::NoAudio);
        assert_eq!(fault("UDP/TLS/RTP/SAVPF", "RTP/AVP"), OfferError::NoAudio);
        assert_eq!(fault("a=rtcp-mux", "a=x"), OfferError::Missing("rtcp-mux"));
        assert_eq!(
            fault("ice-pwd:6FYzyWOkqTcbzV/k8", "ice-pwd:short"),
            OfferError::Missing("ICE credentials")
        );
        assert_eq!(
            fault("sha-256 D2", "sha-1 D2"),
            OfferError::Missing("a SHA-256 fingerprint")
        );
        assert_eq!(
            fault("D2:FA", "D2"),
            OfferError::Missing("a SHA-256 fingerprint")
        );
        assert_eq!(
            fault("a=setup:actpass", "a=setup:holdconn"),
            OfferError::Missing("a=setup")
        );
        assert!(matches!(
            Offer::parse("hello").unwrap_err(),
            OfferError::Malformed(_)
        ));
    }
}
