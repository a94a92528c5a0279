//! Offer and answer of the pictures of a video room, beside its sound: H.264 over plain RTP, in packets of any kind that RFC 6184 §6.3
//! (packetization mode 1) knows, which is what browsers speak (RFC 7742 §6.2).

use std::net::SocketAddr;

use convoke_types::sight::SightParams;

use super::model::{Attribute, Direction, Media, Sdp};
use super::negotiate::{Side, is_one_host};

/// The payload type that our offers give H.264; answers take the offer's.
const PAYLOAD_TYPE: u8 = 97;
/// Constrained Baseline, level 3.1 (RFC 6184 §8.1).
const PROFILE_LEVEL_ID: &str = "42e01f";
const MAP: &str = "H264/90000";

/// Adds a stream of pictures to our offer, in the place of a refused one if there is one; RTP is received at `local`, and RTCP at the port
/// after it.
pub fn offer_pictures(offer: &mut Sdp, local: SocketAddr) {
    let stream = pictures(local, PAYLOAD_TYPE, Direction::SendRecv);
    let mut refused = offer.media.iter_mut();
    match refused.find(|stream| stream.kind == "video" && stream.port == 0) {
        Some(place) => *place = stream,
        None => offer.media.push(stream),
    }
}

/// Ends the streams of pictures of our own description: there are none (RFC 3264 §8.2).
pub fn refuse_pictures(ours: &mut Sdp) {
    for stream in &mut ours.media {
        if stream.kind == "video" {
            stream.port = 0;
        }
    }
}

/// Takes the offer's first stream of pictures in H.264, which `answer` has refused, at `local`.
pub fn answer_pictures(offer: &Sdp, answer: &mut Sdp, local: SocketAddr) {
    let mut streams = offer.media.iter().zip(&mut answer.media);
    let found = streams.find_map(|(offered, answered)| {
        let stream = Some(offered).filter(|stream| is_pictures(stream));
        Some((stream?, answered, h264_of(offered)?))
    });
    if let Some((offered, answered, (payload_type, _))) = found {
        let direction = Direction::SendRecv.answering(offer.direction_of(offered));
        // RTP/AVPF stays what it is (RFC 3264 §6).
        let protocol = answered.protocol.clone();
        *answered = Media {
            protocol,
            ..pictures(local, payload_type, direction)
        };
    }
}

/// What both descriptions agree on, seen from our side; `None`: there are no pictures, or none that can be had.
pub fn negotiated_pictures(offer: &Sdp, answer: &Sdp, side: Side) -> Option<SightParams> {
    let mut streams = offer.media.iter().zip(&answer.media);
    let (offered, answered) =
        streams.find(|(one, other)| is_pictures(one) && is_pictures(other))?;
    let (ours, theirs) = match side {
        Side::Offerer => ((offer, offered), (answer, answered)),
        Side::Answerer => ((answer, answered), (offer, offered)),
    };
    let (sdp, media) = theirs;
    let ip = sdp.address_of(media).filter(is_one_host)?;
    // Each sends with the payload types that the receiver has given (RFC 3264 §5.1), and no packets that it has not agreed to
    // (RFC 6184 §8.2.2).
    let (comes_as, _) = h264_of(ours.1)?;
    let (sent_as, in_parts) = h264_of(media)?;
    let (we, they) = (ours.0.direction_of(ours.1), sdp.direction_of(media));
    Some(SightParams {
        remote: SocketAddr::new(ip, media.port),
        sent_as,
        comes_as,
        send: in_parts && we.sends() && they.receives() && !ip.is_unspecified(),
        receive: we.receives() && they.sends(),
    })
}

/// Pictures over RTP without encryption, and not refused. AVPF is what some rooms say who know feedback (RFC 4585).
fn is_pictures(media: &Media) -> bool {
    let plain = ["RTP/AVP", "RTP/AVPF"];
    let plain = plain
        .iter()
        .any(|one| media.protocol.eq_ignore_ascii_case(one));
    media.kind == "video" && media.port != 0 && plain
}

/// The payload type of H.264, and whether its packets may hold parts of units and several units: the one that may, or else the first.
fn h264_of(media: &Media) -> Option<(u8, bool)> {
    let maps = |payload_type: &u8| {
        let map = media.rtpmap(*payload_type);
        map.is_some_and(|map| map.eq_ignore_ascii_case(MAP))
    };
    let in_parts = |payload_type: u8| {
        let words = media.fmtp(payload_type).unwrap_or_default();
        let mut words = words.split(';').map(str::trim);
        words.any(|word| word.eq_ignore_ascii_case("packetization-mode=1"))
    };
    let all: Vec<(u8, bool)> = media
        .payload_types()
        .filter(maps)
        .map(|payload_type| (payload_type, in_parts(payload_type)))
        .collect();
    let best = all.iter().find(|(_, in_parts)| *in_parts);
    best.or(all.first()).copied()
}

fn pictures(local: SocketAddr, payload_type: u8, direction: Direction) -> Media {
    let about = |words: &str| format!("{payload_type} {words}");
    let format = format!("profile-level-id={PROFILE_LEVEL_ID};packetization-mode=1");
    Media {
        kind: String::from("video"),
        port: local.port(),
        protocol: String::from("RTP/AVP"),
        formats: vec![payload_type.to_string()],
        connection: Some(local.ip().to_string()),
        attributes: vec![
            Attribute::new("rtpmap", about(MAP)),
            Attribute::new("fmtp", about(&format)),
            // How a whole picture is asked for (RFC 4585 §4.2, RFC 5104 §7.1).
            Attribute::new("rtcp-fb", about("nack pli")),
            Attribute::new("rtcp-fb", about("ccm fir")),
            Attribute::flag(direction.as_str()),
        ],
        other: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{self, SessionId, negotiate};
    use convoke_types::media::Codec;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8\r\n";

    fn ours() -> Sdp {
        let session = SessionId { id: 1, version: 1 };
        let mut offer =
            negotiate::offer("192.0.2.1:20000".parse().unwrap(), session, &[Codec::Pcma]);
        offer_pictures(&mut offer, "192.0.2.1:20002".parse().unwrap());
        offer
    }

    fn theirs(pictures: &str) -> Sdp {
        Sdp::parse(format!("{HEAD}{pictures}").as_bytes()).unwrap()
    }

    #[test]
    fn pictures_are_sent_as_the_room_wants_them() {
        let offer = ours();
        let text = offer.to_string();
        for line in [
            "m=video 20002 RTP/AVP 97\r\nc=IN IP4 192.0.2.1\r\n",
            "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1\r\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let with = |format: &str| {
            theirs(&format!(
                "m=video 7002 RTP/AVP 120\r\na=rtpmap:120 h264/90000\r\na=fmtp:120 {format}\r\n"
            ))
        };
        let params = |answer: &Sdp| negotiated_pictures(&ours(), answer, Side::Offerer).unwrap();
        let both = params(&with("profile-level-id=42801f; packetization-mode=1"));
        assert_eq!(both.remote, "192.0.2.9:7002".parse().unwrap());
        assert_eq!((both.sent_as, both.comes_as), (120, 97));
        assert!(both.send && both.receive);
        // One that takes whole units only is seen, and sees nothing.
        let only_seen = params(&with("profile-level-id=42801f"));
        assert!(!only_seen.send && only_seen.receive);
    }

    #[test]
    fn a_room_may_have_sound_only() {
        let offer = ours();
        for pictures in [
            "",
            "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n",
            "m=video 7002 RTP/AVP 34\r\na=rtpmap:34 H263/90000\r\n",
            "m=video 7002 RTP/AVP 97\r\nc=IN IP4 224.2.0.1\r\na=rtpmap:97 H264/90000\r\n",
        ] {
            let answer = theirs(pictures);
            let params = negotiated_pictures(&offer, &answer, Side::Offerer);
            assert_eq!(params, None, "{pictures}");
            // Its sound is what it was.
            assert!(sdp::negotiated(&offer, &answer, Side::Offerer).is_ok());
        }
    }

    #[test]
    fn a_change_of_the_room_keeps_its_pictures() {
        let offer = theirs(
            "m=video 7002 RTP/AVP 96 98\r\na=rtpmap:96 H264/90000\r\na=rtpmap:98 H264/90000\r\n\
             a=fmtp:98 packetization-mode=1\r\na=recvonly\r\n",
        );
        let session = SessionId { id: 1, version: 2 };
        let local = "192.0.2.1:20000".parse().unwrap();
        let direction = Direction::SendRecv;
        let mut answer = sdp::answer(&offer, local, session, &[Codec::Pcma], direction).unwrap();
        assert_eq!(negotiated_pictures(&offer, &answer, Side::Answerer), None);
        answer_pictures(&offer, &mut answer, "192.0.2.1:20002".parse().unwrap());
        let params = negotiated_pictures(&offer, &answer, Side::Answerer).unwrap();
        assert_eq!((params.sent_as, params.comes_as), (98, 98));
        assert!(params.send && !params.receive);
        assert_eq!(answer.media[1].protocol, "RTP/AVP");
    }

    #[test]
    fn the_answer_has_the_offers_protocol() {
        let offer = theirs("m=video 7002 RTP/AVPF 96\r\na=rtpmap:96 H264/90000\r\n");
        let session = SessionId { id: 1, version: 2 };
        let local = "192.0.2.1:20000".parse().unwrap();
        let direction = Direction::SendRecv;
        let mut answer = sdp::answer(&offer, local, session, &[Codec::Pcma], direction).unwrap();
        answer_pictures(&offer, &mut answer, "192.0.2.1:20002".parse().unwrap());
        let text = answer.to_string();
        assert!(text.contains("m=video 20002 RTP/AVPF 96\r\n"), "{text}");
        assert!(negotiated_pictures(&offer, &answer, Side::Answerer).is_some());
    }
}
