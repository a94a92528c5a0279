//! Offer and answer of one audio stream: PCMU and PCMA (RFC 3551) with telephone-event (RFC 4733).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use convoke_types::media::{Codec, StreamParams};

use super::model::{Attribute, Direction, Media, Origin, Sdp};
use super::parse::SdpError;

/// The payload type that our offers give telephone-event; answers take the offer's.
const TELEPHONE_EVENT_PAYLOAD_TYPE: u8 = 101;
/// Packet time when the peer asks for none, in milliseconds.
const PTIME_DEFAULT_MS: u16 = 20;
/// Longest packet time that we send, in milliseconds.
const PTIME_MAX_MS: u16 = 60;

/// The numbers of the `o=` line: `version` grows by one with each changed description of a session (RFC 3264 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    /// Unique for the writer.
    pub id: u64,
    /// Version of the description.
    pub version: u64,
}

impl SessionId {
    /// The same session, changed.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            id: self.id,
            version: self.version.wrapping_add(1),
        }
    }
}

/// Which of the two descriptions is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We made the offer.
    Offerer,
    /// We answered it.
    Answerer,
}

/// An offer of these codecs, best first, and telephone-event; RTP is received at `local`. Codecs that telephones do not have are
/// left out.
pub fn offer(local: SocketAddr, session: SessionId, codecs: &[Codec]) -> Sdp {
    let formats = codecs
        .iter()
        .filter_map(|codec| static_payload_type(*codec))
        .chain([(TELEPHONE_EVENT_PAYLOAD_TYPE, TELEPHONE_EVENT)]);
    let media = audio(local, formats, Direction::SendRecv);
    description(local, session, vec![media])
}

/// The same within a session that stands, of which `ours` is our last description: the sound is offered in its place, every other stream keeps
/// its own and is refused (RFC 3264 §8).
pub fn offer_again(ours: &Sdp, local: SocketAddr, session: SessionId, codecs: &[Codec]) -> Sdp {
    let fresh = offer(local, session, codecs);
    let place = ours.media.iter().position(Media::is_plain_audio);
    let (Some(place), Some(sound)) = (place, fresh.media.first()) else {
        return fresh;
    };
    let streams = ours.media.iter().enumerate();
    let streams = streams.map(|(at, media)| match at == place {
        true => sound.clone(),
        false => refused(media),
    });
    let media = streams.collect();
    Sdp { media, ..fresh }
}

/// The answer to `offer`: its first acceptable codec and its telephone-event, in the direction that it leaves of
/// `direction`; every other stream is refused (RFC 3264 §6).
///
/// # Errors
/// `NoAudio` or `NoCommonCodec`, to be answered 488.
pub fn answer(
    offer: &Sdp,
    local: SocketAddr,
    session: SessionId,
    codecs: &[Codec],
    direction: Direction,
) -> Result<Sdp, SdpError> {
    let offered = offer.audio().ok_or(SdpError::NoAudio)?;
    let (codec, payload_type) = first_codec(offered, |c| codecs.contains(&c))?;
    let (_, encoding) = static_payload_type(codec).ok_or(SdpError::NoCommonCodec)?;
    let mut formats = vec![(payload_type, encoding)];
    formats.extend(telephone_event(offered).map(|pt| (pt, TELEPHONE_EVENT)));
    let direction = direction.answering(offer.direction_of(offered));

    let mut accepted = Some(audio(local, formats.into_iter(), direction));
    let streams = offer
        .media
        .iter()
        .map(|media| match accepted.take_if(|_| media.is_plain_audio()) {
            Some(audio) => audio,
            None => refused(media),
        })
        .collect();
    Ok(description(local, session, streams))
}

/// `ours` again, as an offer, with the sound received at `local` from now on (RFC 3264 §8.3.1); all else stays as it is.
pub fn received_at(ours: &Sdp, local: SocketAddr, session: SessionId) -> Sdp {
    let mut moved = ours.clone();
    moved.origin.session_id = session.id;
    moved.origin.version = session.version;
    let host = local.ip().to_string();
    let elsewhere = moved.connection.as_ref() != Some(&host);
    let sound = moved.media.iter_mut().find(|media| media.is_plain_audio());
    if let Some(sound) = sound {
        sound.port = local.port();
        sound.connection = elsewhere.then_some(host);
    }
    moved
}

/// What both descriptions agree on, seen from our side.
///
/// # Errors
/// `NoAudio` when the answer refused the stream, `NoCommonCodec` when it has none of the offer's, `NoAddress`.
pub fn negotiated(offer: &Sdp, answer: &Sdp, side: Side) -> Result<StreamParams, SdpError> {
    let offered = offer.audio().ok_or(SdpError::NoAudio)?;
    let index = offer
        .media
        .iter()
        .position(|media| std::ptr::eq(media, offered));
    let answered = index
        .and_then(|index| answer.media.get(index))
        .filter(|media| media.is_plain_audio())
        .ok_or(SdpError::NoAudio)?;
    let ours = codecs_of(offered);
    let (codec, _) = first_codec(answered, |codec| ours.contains(&codec))?;

    let (local, remote, remote_sdp) = match side {
        Side::Offerer => (
            offer.direction_of(offered),
            (answered, answer.direction_of(answered)),
            answer,
        ),
        Side::Answerer => (
            answer.direction_of(answered),
            (offered, offer.direction_of(offered)),
            offer,
        ),
    };
    let (remote_media, remote_direction) = remote;
    let ip = remote_sdp
        .address_of(remote_media)
        .filter(is_one_host)
        .ok_or(SdpError::NoAddress)?;
    // Each sends with the payload types that the receiver has given (RFC 3264 §5.1).
    let payload_type = payload_type_of(remote_media, codec).ok_or(SdpError::NoCommonCodec)?;
    let both_know_events = telephone_event(offered).and(telephone_event(answered));
    Ok(StreamParams {
        remote: SocketAddr::new(ip, remote_media.port),
        codec,
        payload_type,
        dtmf_payload_type: both_know_events.and_then(|_| telephone_event(remote_media)),
        ptime_ms: ptime_ms(remote_media),
        send: local.sends() && remote_direction.receives() && !ip.is_unspecified(),
        receive: local.receives() && remote_direction.sends(),
    })
}

/// Media for one telephone goes to one host: a group or a whole network would be somebody else's.
pub(super) fn is_one_host(ip: &IpAddr) -> bool {
    !ip.is_multicast() && *ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

const TELEPHONE_EVENT: &str = "telephone-event";

/// The payload type and the name that a telephone's codec has (RFC 3551 §6); `None` for codecs of web legs, whose descriptions
/// are not made here.
fn static_payload_type(codec: Codec) -> Option<(u8, &'static str)> {
    match codec {
        Codec::Pcmu => Some((0, "PCMU")),
        Codec::Pcma => Some((8, "PCMA")),
        Codec::Opus => None,
    }
}

fn description(local: SocketAddr, session: SessionId, media: Vec<Media>) -> Sdp {
    let host = local.ip().to_string();
    Sdp {
        origin: Origin {
            username: String::from("-"),
            session_id: session.id,
            version: session.version,
            host: host.clone(),
        },
        name: String::from("-"),
        connection: Some(host),
        attributes: Vec::new(),
        other: vec![('t', String::from("0 0"))],
        media,
    }
}

fn audio(
    local: SocketAddr,
    encodings: impl Iterator<Item = (u8, &'static str)>,
    direction: Direction,
) -> Media {
    let mut formats = Vec::with_capacity(3);
    let mut attributes = Vec::with_capacity(6);
    for (payload_type, encoding) in encodings {
        formats.push(payload_type.to_string());
        attributes.push(Attribute::new(
            "rtpmap",
            format!("{payload_type} {encoding}/8000"),
        ));
        if encoding == TELEPHONE_EVENT {
            attributes.push(Attribute::new("fmtp", format!("{payload_type} 0-15")));
        }
    }
    attributes.push(Attribute::new("ptime", PTIME_DEFAULT_MS.to_string()));
    attributes.push(Attribute::flag(direction.as_str()));
    Media {
        kind: String::from("audio"),
        port: local.port(),
        protocol: String::from("RTP/AVP"),
        formats,
        connection: None,
        attributes,
        other: Vec::new(),
    }
}

fn refused(media: &Media) -> Media {
    Media {
        kind: media.kind.clone(),
        port: 0,
        protocol: media.protocol.clone(),
        formats: media.formats.iter().take(1).cloned().collect(),
        connection: None,
        attributes: Vec::new(),
        other: Vec::new(),
    }
}

/// The codec that a payload type means: what its rtpmap says, else the static table (RFC 3551 §6).
fn codec_of(media: &Media, payload_type: u8) -> Option<Codec> {
    let Some(map) = media.rtpmap(payload_type) else {
        return match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            _ => None,
        };
    };
    [Codec::Pcmu, Codec::Pcma]
        .into_iter()
        .find(|codec| static_payload_type(*codec).is_some_and(|(_, name)| is_mono_8k(map, name)))
}

fn is_mono_8k(map: &str, encoding: &str) -> bool {
    let mut parts = map.split('/');
    parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(encoding))
        && parts.next() == Some("8000")
        && matches!(parts.next(), None | Some("1"))
}

fn codecs_of(media: &Media) -> Vec<Codec> {
    media
        .payload_types()
        .filter_map(|payload_type| codec_of(media, payload_type))
        .collect()
}

fn first_codec(media: &Media, fits: impl Fn(Codec) -> bool) -> Result<(Codec, u8), SdpError> {
    media
        .payload_types()
        .filter_map(|payload_type| Some((codec_of(media, payload_type)?, payload_type)))
        .find(|(codec, _)| fits(*codec))
        .ok_or(SdpError::NoCommonCodec)
}

fn payload_type_of(media: &Media, codec: Codec) -> Option<u8> {
    media
        .payload_types()
        .find(|payload_type| codec_of(media, *payload_type) == Some(codec))
}

fn telephone_event(media: &Media) -> Option<u8> {
    media.payload_types().find(|payload_type| {
        media
            .rtpmap(*payload_type)
            .is_some_and(|map| is_mono_8k(map, TELEPHONE_EVENT))
    })
}

fn ptime_ms(remote: &Media) -> u8 {
    let wanted = remote
        .ptime_ms()
        .filter(|ms| ms % 10 == 0 && (10..=PTIME_MAX_MS).contains(ms))
        .unwrap_or(PTIME_DEFAULT_MS);
    let most = remote
        .maxptime_ms()
        .filter(|ms| *ms >= 10)
        .unwrap_or(PTIME_MAX_MS);
    u8::try_from(wanted.min(most / 10 * 10)).unwrap_or(20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::picture;

    const BOTH: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];
    const SESSION: SessionId = SessionId { id: 5, version: 1 };

    fn local() -> SocketAddr {
        "192.0.2.1:4000".parse().unwrap()
    }

    fn remote_offer(media: &str) -> Sdp {
        let text =
            format!("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{media}");
        Sdp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn both_sides_see_the_same_stream() {
        let offered = offer(local(), SESSION, &BOTH);
        let far = "192.0.2.9:6000".parse().unwrap();
        let answered = answer(&offered, far, SESSION, &[Codec::Pcma], Direction::SendRecv).unwrap();
        let ours = negotiated(&offered, &answered, Side::Offerer).unwrap();
        let theirs = negotiated(&offered, &answered, Side::Answerer).unwrap();
        assert_eq!((ours.remote, theirs.remote), (far, local()));
        for params in [ours, theirs] {
            assert_eq!(params.codec, Codec::Pcma);
            assert_eq!(params.payload_type, 8);
            assert_eq!(params.dtmf_payload_type, Some(101));
            assert_eq!(params.ptime_ms, 20);
            assert!(params.send && params.receive);
        }
    }

    #[test]
    fn what_is_received_elsewhere_is_offered_with_all_else_as_it_was() {
        let mut offered = offer(local(), SESSION, &BOTH);
        picture::offer_pictures(&mut offered, "192.0.2.1:5000".parse().unwrap());
        let next = SESSION.next();
        let moved = received_at(&offered, "192.0.2.2:4002".parse().unwrap(), next);
        let text = Sdp::parse(moved.to_string().as_bytes())
            .unwrap()
            .to_string();
        let expected = offered.to_string().replace(" 5 1 IN", " 5 2 IN");
        let expected = expected.replace(
            "m=audio 4000 RTP/AVP 0 8 101\r\n",
            "m=audio 4002 RTP/AVP 0 8 101\r\nc=IN IP4 192.0.2.2\r\n",
        );
        assert_eq!(text, expected);
        // Back again, and at the same host.
        let back = received_at(&moved, local(), SESSION);
        assert_eq!(back, offered);
        let mut without = back;
        picture::refuse_pictures(&mut without);
        let ports: Vec<_> = without.media.iter().map(|media| media.port).collect();
        assert_eq!(ports, [4_000, 0]);
    }

    #[test]
    fn the_offers_first_codec_its_event_type_and_packet_time_are_taken_and_other_streams_refused() {
        let offered = remote_offer(
            "m=video 9 RTP/AVP 31\r\nm=audio 5000 RTP/AVP 9 97 0 96\r\na=rtpmap:97 pcma/8000/1\r\n\
             a=rtpmap:96 Telephone-Event/8000\r\na=ptime:40\r\na=maxptime:30\r\nm=audio 5002 RTP/AVP 0\r\n",
        );
        let answered = answer(&offered, local(), SESSION, &BOTH, Direction::SendRecv).unwrap();
        let ports: Vec<_> = answered.media.iter().map(|media| media.port).collect();
        assert_eq!(ports, [0, 4000, 0]);
        assert_eq!(answered.media[1].formats, ["97", "96"]);
        let params = negotiated(&offered, &answered, Side::Answerer).unwrap();
        assert_eq!((params.codec, params.payload_type), (Codec::Pcma, 97));
        assert_eq!((params.dtmf_payload_type, params.ptime_ms), (Some(96), 30));
    }

    #[test]
    fn hold_in_each_of_its_forms_stops_what_we_send() {
        for (lines, answered, send, receive) in [
            ("a=sendonly\r\n", Direction::RecvOnly, false, true),
            ("a=inactive\r\n", Direction::Inactive, false, false),
            ("c=IN IP4 0.0.0.0\r\n", Direction::SendRecv, false, true),
            ("a=recvonly\r\n", Direction::SendOnly, true, false),
        ] {
            let offered = remote_offer(&format!("m=audio 5000 RTP/AVP 0\r\n{lines}"));
            assert_eq!(offered.is_hold(), !send);
            let reply = answer(&offered, local(), SESSION, &BOTH, Direction::SendRecv).unwrap();
            assert_eq!(reply.direction_of(reply.audio().unwrap()), answered);
            let params = negotiated(&offered, &reply, Side::Answerer).unwrap();
            assert_eq!((params.send, params.receive), (send, receive), "{lines}");
        }
    }

    #[test]
    fn what_cannot_be_spoken_is_refused_in_words() {
        let reply = |media: &str| {
            answer(
                &remote_offer(media),
                local(),
                SESSION,
                &BOTH,
                Direction::SendRecv,
            )
            .err()
        };
        assert_eq!(
            reply("m=audio 5000 RTP/AVP 9 18\r\n"),
            Some(SdpError::NoCommonCodec)
        );
        assert_eq!(
            reply("m=audio 5000 RTP/SAVP 0\r\n"),
            Some(SdpError::NoAudio)
        );
        assert_eq!(
            reply("m=video 5000 RTP/AVP 31\r\n"),
            Some(SdpError::NoAudio)
        );
        let offered = offer(local(), SESSION, &BOTH);
        let refused = remote_offer("m=audio 0 RTP/AVP 0\r\n");
        let named = remote_offer("m=audio 7 RTP/AVP 0\r\nc=IN IP4 media.example.org\r\n");
        let group = remote_offer("m=audio 7 RTP/AVP 0\r\nc=IN IP4 224.0.0.1\r\n");
        let everybody = remote_offer("m=audio 7 RTP/AVP 0\r\nc=IN IP4 255.255.255.255\r\n");
        let error = |answer| negotiated(&offered, answer, Side::Offerer).err();
        assert_eq!(error(&refused), Some(SdpError::NoAudio));
        assert_eq!(error(&named), Some(SdpError::NoAddress));
        assert_eq!(error(&group), Some(SdpError::NoAddress));
        assert_eq!(error(&everybody), Some(SdpError::NoAddress));
    }
}
