//! One call's sound over plain RTP, and its pictures, as both sides have described them to each other (RFC 3264): what is in force, what is
//! offered, who holds, and the way to another port where another media bridge goes on. Whoever has the call sends what is made here.
//!
//! ```text
//!  No ── must_move ──► Awaited ── opened_elsewhere ──► Due ── offer_elsewhere ──► Offered ── answered ──► No
//!                                                       │ ▲                         │
//!                              our answer tells the port│ └──────── postpone ───────┘
//!                                                       ▼
//!                                                       No
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use convoke_types::media::{Codec, StreamParams};
use convoke_types::sight::SightParams;

use super::model::{Direction, Sdp};
use super::negotiate::{self, SessionId, Side};
use super::parse::SdpError;
use super::picture;

/// The pause before an offer that a change of theirs stood in the way of.
pub const OFFER_AGAIN: Duration = Duration::from_millis(500);
/// How long the other side may take to follow its sound to another port, from the first time that it could be offered.
pub const MOVE_MAX: Duration = Duration::from_secs(32);

/// Whether such a final response refuses an offer within a call for the moment only: they are busy with a change of their own (RFC 3261 §14.1,
/// §14.2), or with other calls (§21.5.4).
pub fn is_for_the_moment(status: u16) -> bool {
    matches!(status, 491 | 500 | 503)
}

/// Who says where we shall send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// One that the configuration names: believed.
    Configured,
    /// Whoever has an account: our sound goes never into our own machine or the link beside it, unless that is where we are heard, too.
    Anyone,
}

/// Where the sound stands that another media bridge goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// It stays.
    No,
    /// The other bridge reserves a port.
    Awaited,
    /// The port is there, and has to be offered as soon as the call lets us.
    Due,
    /// It is offered.
    Offered,
}

/// What both descriptions agree on.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    /// The sound.
    pub sound: StreamParams,
    /// The pictures, where some can be had.
    pub pictures: Option<SightParams>,
    /// They put us on hold, or take us back: told when it changes.
    pub holds: Option<bool>,
    /// They know now where the sound is received that had moved.
    pub followed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    /// Of our next description.
    next: SessionId,
    codecs: Vec<Codec>,
    peer: Peer,
    sound_at: Option<SocketAddr>,
    pictures_at: Option<SocketAddr>,
    /// Our description in force.
    ours: Option<Sdp>,
    /// Ours that they have not answered yet, and where it says that sound is received.
    offered: Option<(Sdp, SocketAddr)>,
    held: bool,
    moving: Moving,
}

impl Session {
    /// Nothing is described yet. `id`: unique among our sessions (RFC 8866 §5.2); `codecs`: what we offer, best first, and take.
    pub fn new(id: u64, codecs: &[Codec], peer: Peer) -> Self {
        Self {
            next: SessionId { id, version: 1 },
            codecs: codecs.to_vec(),
            peer,
            sound_at: None,
            pictures_at: None,
            ours: None,
            offered: None,
            held: false,
            moving: Moving::No,
        }
    }

    /// Where sound is received, once that is known; no longer, or not yet, with `None`.
    pub fn set_sound_at(&mut self, at: Option<SocketAddr>) {
        self.sound_at = at;
    }

    /// Where that is.
    pub fn sound_at(&self) -> Option<SocketAddr> {
        self.sound_at
    }

    /// Where pictures are received; `None`: there are none.
    pub fn set_pictures_at(&mut self, at: Option<SocketAddr>) {
        self.pictures_at = at;
    }

    /// Where that is.
    pub fn pictures_at(&self) -> Option<SocketAddr> {
        self.pictures_at
    }

    /// Whether they hold us.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether the sound is on its way to another port, and how far.
    pub fn moving(&self) -> Moving {
        self.moving
    }

    /// Our offer of all that we can: the first one, or the one that they have left to us (RFC 3261 §14.2). `None` before there is a port.
    pub fn offer(&mut self) -> Option<String> {
        let at = self.sound_at?;
        let mut offer = match &self.ours {
            Some(ours) => negotiate::offer_again(ours, at, self.next, &self.codecs),
            None => negotiate::offer(at, self.next, &self.codecs),
        };
        if let Some(at) = self.pictures_at {
            picture::offer_pictures(&mut offer, at);
        }
        let text = offer.to_string();
        self.is_offered(offer, at);
        Some(text)
    }

    /// Our answer to their offer. Where there is none, all stays as it was.
    ///
    /// # Errors
    /// `NoAudio`, `NoCommonCodec` or `NoAddress`, to be answered 488.
    pub fn answer(&mut self, theirs: &Sdp) -> Result<(String, Agreed), SdpError> {
        let at = self.sound_at.ok_or(SdpError::NoAddress)?;
        let both = Direction::SendRecv;
        let mut ours = negotiate::answer(theirs, at, self.next, &self.codecs, both)?;
        if let Some(at) = self.pictures_at {
            picture::answer_pictures(theirs, &mut ours, at);
        }
        let text = ours.to_string();
        let agreed = self.agree(ours, at, theirs, Side::Answerer)?;
        self.next = self.next.next();
        Ok((text, agreed))
    }

    /// Their answer to our last offer. One that cannot be taken leaves all as it was before the offer.
    ///
    /// # Errors
    /// `NoAudio`, also where nothing was offered, `NoCommonCodec` or `NoAddress`.
    pub fn answered(&mut self, theirs: &Sdp) -> Result<Agreed, SdpError> {
        let (ours, at) = self.offered.take().ok_or(SdpError::NoAudio)?;
        self.agree(ours, at, theirs, Side::Offerer)
    }

    /// Another media bridge goes on with the sound; where it is received there is told later.
    pub fn must_move(&mut self) {
        // What tells a port that is lost, too, needs no answer.
        if self.moving == Moving::Offered {
            self.offered = None;
        }
        self.moving = Moving::Awaited;
    }

    /// The port is there. Whether it was awaited.
    pub fn opened_elsewhere(&mut self, at: SocketAddr) -> bool {
        let awaited = self.moving == Moving::Awaited;
        if awaited {
            self.sound_at = Some(at);
            self.moving = Moving::Due;
        }
        awaited
    }

    /// Sends the offer that tells the new port and leaves all else as it is, where that is due. `send` says whether the call let it pass, and
    /// so does this.
    pub fn offer_elsewhere(&mut self, send: impl FnOnce(String) -> bool) -> Option<bool> {
        let (at, ours) = (self.sound_at?, self.ours.as_ref()?);
        if self.moving != Moving::Due {
            return None;
        }
        let mut offer = negotiate::received_at(ours, at, self.next);
        if self.pictures_at.is_none() {
            picture::refuse_pictures(&mut offer);
        }
        let sent = send(offer.to_string());
        if sent {
            self.is_offered(offer, at);
            self.moving = Moving::Offered;
        }
        Some(sent)
    }

    /// They refused that offer for the moment: it is due again.
    pub fn postpone(&mut self) {
        if self.moving == Moving::Offered {
            self.offered = None;
            self.moving = Moving::Due;
        }
    }

    fn is_offered(&mut self, offer: Sdp, at: SocketAddr) {
        self.next = self.next.next();
        self.offered = Some((offer, at));
    }

    fn agree(
        &mut self,
        ours: Sdp,
        at: SocketAddr,
        theirs: &Sdp,
        side: Side,
    ) -> Result<Agreed, SdpError> {
        let (offer, answer) = match side {
            Side::Offerer => (&ours, theirs),
            Side::Answerer => (theirs, &ours),
        };
        let sound = negotiate::negotiated(offer, answer, side)?;
        if self.peer == Peer::Anyone && is_near(sound.remote) && !is_near(at) {
            return Err(SdpError::NoAddress);
        }
        let pictures = picture::negotiated_pictures(offer, answer, side);
        let held = theirs.is_hold();
        let holds = (std::mem::replace(&mut self.held, held) != held).then_some(held);
        let on_its_way = matches!(self.moving, Moving::Due | Moving::Offered);
        let followed = on_its_way && self.sound_at == Some(at);
        if followed {
            self.moving = Moving::No;
        }
        self.ours = Some(ours);
        self.offered = None;
        Ok(Agreed {
            sound,
            pictures,
            holds,
            followed,
        })
    }
}

/// In our own machine, or on the link beside it.
fn is_near(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn sdp(text: &str) -> Sdp {
        Sdp::parse(text.as_bytes()).unwrap()
    }

    /// Two sides that have agreed; the first one has offered.
    fn in_a_call() -> (Session, Session) {
        let mut one = Session::new(1, &CODECS, Peer::Configured);
        let mut other = Session::new(2, &CODECS, Peer::Anyone);
        one.set_sound_at(Some(at("192.0.2.1:4000")));
        other.set_sound_at(Some(at("192.0.2.2:6000")));
        let offer = sdp(&one.offer().unwrap());
        let (answer, agreed) = other.answer(&offer).unwrap();
        assert_eq!(agreed.sound.remote, at("192.0.2.1:4000"));
        let agreed = one.answered(&sdp(&answer)).unwrap();
        assert_eq!(agreed.sound.remote, at("192.0.2.2:6000"));
        assert_eq!((agreed.holds, agreed.followed), (None, false));
        (one, other)
    }

    /// The offer of the new port, or that the call did not let it pass.
    fn elsewhere(session: &mut Session, passes: bool) -> Option<Sdp> {
        let mut offer = None;
        let sent = session.offer_elsewhere(|text| {
            offer = Some(sdp(&text));
            passes
        });
        assert_eq!(sent, offer.as_ref().map(|_| passes));
        offer
    }

    #[test]
    fn each_description_that_is_sent_is_one_version_later() {
        let (mut one, _) = in_a_call();
        one.must_move();
        assert!(elsewhere(&mut one, true).is_none());
        assert!(one.opened_elsewhere(at("192.0.2.3:4002")));
        assert!(!one.opened_elsewhere(at("192.0.2.3:4004")));
        let version = |offer: Option<Sdp>| offer.unwrap().origin.version;
        assert_eq!(version(elsewhere(&mut one, false)), 2);
        assert_eq!(version(elsewhere(&mut one, true)), 2);
        assert_eq!(one.moving(), Moving::Offered);
        one.postpone();
        assert_eq!(version(elsewhere(&mut one, true)), 3);
        assert_eq!(version(one.offer().map(|text| sdp(&text))), 4);
    }

    #[test]
    fn sound_is_at_the_new_port_when_they_have_answered() {
        let (mut one, mut other) = in_a_call();
        one.must_move();
        one.opened_elsewhere(at("192.0.2.3:4002"));
        let offer = elsewhere(&mut one, true).unwrap();
        let (answer, agreed) = other.answer(&offer).unwrap();
        assert_eq!(agreed.sound.remote, at("192.0.2.3:4002"));
        assert!(one.answered(&sdp(&answer)).unwrap().followed);
        assert_eq!(one.moving(), Moving::No);
    }

    #[test]
    fn our_answer_tells_the_new_port_as_well_and_an_older_offer_does_not() {
        let (mut one, mut other) = in_a_call();
        let asked_for = sdp(&one.offer().unwrap());
        let (answer, _) = other.answer(&asked_for).unwrap();
        one.must_move();
        one.opened_elsewhere(at("192.0.2.3:4002"));
        assert!(!one.answered(&sdp(&answer)).unwrap().followed);
        assert_eq!(one.moving(), Moving::Due);
        let theirs = sdp(&other.offer().unwrap());
        let (answer, agreed) = one.answer(&theirs).unwrap();
        assert!(agreed.followed);
        let agreed = other.answered(&sdp(&answer)).unwrap();
        assert_eq!(agreed.sound.remote, at("192.0.2.3:4002"));
    }

    #[test]
    fn the_answer_to_an_offer_of_a_port_that_is_lost_is_not_taken() {
        let (mut one, mut other) = in_a_call();
        one.must_move();
        one.opened_elsewhere(at("192.0.2.3:4002"));
        let offer = elsewhere(&mut one, true).unwrap();
        let (answer, _) = other.answer(&offer).unwrap();
        one.must_move();
        assert_eq!(one.answered(&sdp(&answer)), Err(SdpError::NoAudio));
        assert_eq!(one.moving(), Moving::Awaited);
    }

    #[test]
    fn hold_is_told_when_it_changes() {
        let (mut one, mut other) = in_a_call();
        let mut offer = sdp(&other.offer().unwrap());
        offer.set_direction(Direction::SendOnly);
        assert_eq!(one.answer(&offer).unwrap().1.holds, Some(true));
        assert_eq!(one.answer(&offer).unwrap().1.holds, None);
        assert!(one.is_held());
        offer.set_direction(Direction::SendRecv);
        assert_eq!(one.answer(&offer).unwrap().1.holds, Some(false));
    }

    /// Of whoever has an account; one that the configuration names may be a program beside us.
    #[test]
    fn nobody_has_our_sound_sent_into_our_own_machine() {
        let theirs = |host: &str| {
            let family = if host.contains(':') { "IP6" } else { "IP4" };
            sdp(&format!(
                "v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n"
            ))
        };
        let answers = |peer: Peer, local: &str, host: &str| {
            let mut session = Session::new(1, &CODECS, peer);
            session.set_sound_at(Some(at(local)));
            session.answer(&theirs(host)).err()
        };
        for host in [
            "127.0.0.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "::ffff:127.0.0.1",
        ] {
            let refused = Some(SdpError::NoAddress);
            assert_eq!(answers(Peer::Anyone, "192.0.2.1:4000", host), refused);
            assert_eq!(answers(Peer::Configured, "192.0.2.1:4000", host), None);
            assert_eq!(answers(Peer::Anyone, "127.0.0.1:4000", host), None);
        }
        assert_eq!(
            answers(Peer::Anyone, "192.0.2.1:4000", "198.51.100.7"),
            None
        );
    }

    #[test]
    fn what_cannot_be_answered_leaves_all_as_it_was() {
        let (mut one, _) = in_a_call();
        let refused = sdp(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 7000 RTP/AVP 9\r\na=sendonly\r\n",
        );
        assert_eq!(one.answer(&refused), Err(SdpError::NoCommonCodec));
        assert!(!one.is_held());
        assert_eq!(sdp(&one.offer().unwrap()).origin.version, 2);
    }

    #[test]
    fn pictures_stand_beside_the_sound_where_there_is_a_port_for_them() {
        let (mut one, mut other) = (
            Session::new(1, &CODECS, Peer::Configured),
            Session::new(2, &CODECS, Peer::Configured),
        );
        for (session, sound, pictures) in [
            (&mut one, "192.0.2.1:4000", "192.0.2.1:5000"),
            (&mut other, "192.0.2.2:6000", "192.0.2.2:7000"),
        ] {
            session.set_sound_at(Some(at(sound)));
            session.set_pictures_at(Some(at(pictures)));
        }
        let offer = sdp(&one.offer().unwrap());
        let (answer, agreed) = other.answer(&offer).unwrap();
        assert_eq!(agreed.pictures.unwrap().remote, at("192.0.2.1:5000"));
        let agreed = one.answered(&sdp(&answer)).unwrap();
        assert_eq!(agreed.pictures.unwrap().remote, at("192.0.2.2:7000"));
        // They are given up: the sound moves without them.
        one.set_pictures_at(None);
        one.must_move();
        one.opened_elsewhere(at("192.0.2.1:4002"));
        let offer = elsewhere(&mut one, true).unwrap();
        let ports: Vec<_> = offer.media.iter().map(|media| media.port).collect();
        assert_eq!(ports, [4002, 0]);
        assert_eq!(other.answer(&offer).unwrap().1.pictures, None);
    }
}
