//! One room: a task with its sockets. Towards the room plain RTP and RTCP; towards the video server two connections as a browser has them,
//! one that shows the room's picture and one that sees the others'.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_types::sight::SightParams;
use convoke_types::video::{Picture, VideoCommand, VideoEvent};
use convoke_types::{LegKey, ParticipantId};
use runtime::clock;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::rtp::{Packet, Remote, asks_for_whole, report};
use super::session::{Happened, Identity, Session};
use super::switch::{Switch, units_of};
use crate::link::LinkSender;

/// The largest datagram that is read.
const DATAGRAM_MAX: usize = 2_048;
/// After this the video server is asked once more for what it could not give: it may not be told yet that the room is to be there.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Pictures that come and go within this time are looked at together.
const LOOK_AFTER: Duration = Duration::from_millis(200);
/// How often the room hears that we are there (RFC 3550 §6.2), and is asked for a whole picture, or is heard asking for one, at most.
const REPORT_EVERY: Duration = Duration::from_secs(5);
const WHOLE_EVERY: Duration = Duration::from_millis(500);

/// What the task is told.
#[derive(Debug)]
pub(super) enum Told {
    /// What was negotiated with the room.
    Connect(SightParams),
    /// Who talks.
    Speaker(ParticipantId),
    /// A moderator lets nobody see this person's picture, or lets it be seen again.
    Hide(ParticipantId, bool),
    /// The video server is there, and knows nothing of us; or is not.
    Server(bool),
    /// Another video server has the conference: the way to it, and whether it is there.
    Moved(LinkSender, bool),
    /// Of one of the connections.
    Video(VideoEvent),
    /// Others' pictures have come or gone.
    Look,
}

/// The sockets of one room.
#[derive(Debug)]
pub(super) struct Sockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub show: UdpSocket,
    pub see: UdpSocket,
}

/// What the task is begun with.
pub(super) struct Beginning {
    pub identity: Arc<Identity>,
    pub sockets: Sockets,
    /// Where the video server reaches the last two.
    pub at: [SocketAddr; 2],
    /// The names of the two connections.
    pub show: LegKey,
    pub see: LegKey,
    pub participant: ParticipantId,
    pub link: LinkSender,
    pub server_up: bool,
    /// Our source towards the room.
    pub ssrc: u32,
}

/// See the module.
pub(super) struct End {
    begun: Beginning,
    remote: Option<Remote>,
    server_up: bool,
    show: Option<Session>,
    see: Option<Session>,
    /// Whose picture is in which section.
    pictures: BTreeMap<String, ParticipantId>,
    speaker: Option<ParticipantId>,
    /// Nobody is to see the room's picture.
    hidden: bool,
    switch: Switch<String>,
    /// When showing or looking is tried (again).
    show_at: Option<Instant>,
    look_at: Option<Instant>,
    /// When the video server is told once more whether the picture is hidden.
    hide_at: Option<Instant>,
    report_at: Option<Instant>,
    /// The room's source, and when it was asked last for a whole picture.
    theirs: u32,
    asked: Option<Instant>,
    /// When the room's wish for a whole picture was passed on last.
    wished: Option<Instant>,
    /// What was logged last, of showing and of seeing.
    warned: [String; 2],
    out: Vec<u8>,
}

/// Which of the connections something is about.
#[derive(Debug, Clone, Copy)]
enum Way {
    Show,
    See,
}

impl End {
    pub fn new(begun: Beginning) -> Self {
        Self {
            server_up: begun.server_up,
            begun,
            remote: None,
            show: None,
            see: None,
            pictures: BTreeMap::new(),
            speaker: None,
            hidden: false,
            switch: Switch::new(),
            show_at: None,
            look_at: None,
            hide_at: None,
            report_at: None,
            theirs: 0,
            asked: None,
            wished: None,
            warned: [String::new(), String::new()],
            out: Vec::new(),
        }
    }

    /// Until nobody tells it anything any more.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Told>) {
        let mut buffers = [[0; DATAGRAM_MAX]; 4];
        loop {
            let at = self.due();
            let [rtp, rtcp, show, see] = &mut buffers;
            let sockets = &self.begun.sockets;
            tokio::select! {
                told = inbox.recv() => match told {
                    Some(told) => self.told(told, clock::now()),
                    None => break,
                },
                came = sockets.rtp.recv_from(rtp) => self.on_rtp(came, &buffers[0]),
                came = sockets.rtcp.recv_from(rtcp) => self.on_rtcp(came, &buffers[1], clock::now()),
                came = sockets.show.recv_from(show) => {
                    let taken = take(&mut self.show, came, &buffers[2]);
                    self.after_show(taken, clock::now());
                }
                came = sockets.see.recv_from(see) => {
                    let taken = take(&mut self.see, came, &buffers[3]);
                    self.after_see(taken, clock::now());
                }
                () = clock::sleep_until(at) => self.on_time(clock::now()),
            }
        }
    }

    fn due(&self) -> Instant {
        let sessions = [&self.show, &self.see].into_iter().flatten();
        let sessions = sessions.filter_map(Session::deadline);
        let own = [
            self.show_at,
            self.look_at,
            self.hide_at,
            self.report_at,
            self.switch.ask_at(),
        ];
        let all = own.into_iter().flatten().chain(sessions);
        all.min().unwrap_or_else(|| clock::now() + REPORT_EVERY)
    }

    fn told(&mut self, told: Told, now: Instant) {
        match told {
            Told::Connect(params) => self.connect(params, now),
            Told::Speaker(participant) => {
                self.speaker = Some(participant);
                self.choose(now);
            }
            Told::Hide(participant, on) => {
                if participant == self.begun.participant {
                    self.hidden = on;
                    self.hide();
                }
            }
            Told::Server(up) => self.begin_anew(up, now),
            Told::Moved(link, up) => {
                for leg in [self.begun.show.clone(), self.begun.see.clone()] {
                    self.command(VideoCommand::Close { leg });
                }
                self.begun.link = link;
                self.begin_anew(up, now);
            }
            Told::Look => {
                self.look_at.get_or_insert(now + LOOK_AFTER);
            }
            Told::Video(event) => self.video(event, now),
        }
    }

    /// The video server knows nothing of us, or is not there.
    fn begin_anew(&mut self, up: bool, now: Instant) {
        self.server_up = up;
        self.show = None;
        self.drop_see();
        (self.show_at, self.look_at) = (Some(now), Some(now));
    }

    /// The room's side stands, or has changed.
    fn connect(&mut self, params: SightParams, now: Instant) {
        match &mut self.remote {
            Some(remote) if remote.params.remote == params.remote => remote.params = params,
            _ => self.remote = Some(Remote::new(params)),
        }
        self.report_at = Some(now);
        let (shows, sees) = (self.show.is_some(), self.see.is_some());
        if params.receive != shows {
            self.show_at = Some(now);
        }
        if params.send != sees {
            self.look_at = Some(now);
        }
    }

    fn on_time(&mut self, now: Instant) {
        if self.show_at.is_some_and(|at| at <= now) {
            self.show_at = None;
            self.begin_show(now);
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = None;
            self.look();
        }
        if self.hide_at.is_some_and(|at| at <= now) {
            self.hide();
        }
        if self.report_at.is_some_and(|at| at <= now) {
            self.report_at = Some(now + REPORT_EVERY);
            self.report(None);
        }
        if let Some(session) = self.show.as_mut().filter(|one| is_due(one, now)) {
            let ticked = session.tick(now);
            self.after_show(ticked, now);
        }
        if let Some(session) = self.see.as_mut().filter(|one| is_due(one, now)) {
            let ticked = session.tick(now);
            self.after_see(ticked, now);
        }
        self.ask_whole(now);
    }

    // The room's own picture.

    /// Offers the room's picture to the video server, or takes it back where there is none any more.
    fn begin_show(&mut self, now: Instant) {
        let receives = |remote: &Remote| remote.params.receive;
        if !self.remote.as_ref().is_some_and(receives) {
            if self.show.is_some() {
                self.command(VideoCommand::Close {
                    leg: self.begun.show.clone(),
                });
            }
            self.show = None;
            return;
        }
        if !self.server_up || self.show.is_some() {
            return;
        }
        let session = Session::new(&self.begun.identity, self.begun.at[0], now);
        let offered = session.and_then(|mut session| {
            let offer = session.offer().ok_or("there is nothing to offer")?;
            Ok((session, offer))
        });
        match offered {
            Err(words) => self.warn(Way::Show, "cannot show its picture", &words),
            Ok((session, offer)) => {
                self.show = Some(session);
                self.command(VideoCommand::Publish {
                    leg: self.begun.show.clone(),
                    participant: self.begun.participant.clone(),
                    offer,
                });
                // The server has it as it begins, before anything of it is seen.
                if self.hidden {
                    self.hide();
                }
            }
        }
    }

    /// Tells whether the picture that is shown is hidden.
    fn hide(&mut self) {
        self.hide_at = None;
        if self.show.is_some() {
            self.command(VideoCommand::Hide {
                leg: self.begun.show.clone(),
                on: self.hidden,
            });
        }
    }

    fn after_show(&mut self, done: Result<(), String>, now: Instant) {
        let Some(session) = &mut self.show else {
            return;
        };
        match done.and_then(|()| session.drain(&self.begun.sockets.show)) {
            Ok(happened) => {
                // Who begins to see needs a whole picture.
                let whole =
                    |one: &Happened| matches!(one, Happened::Connected | Happened::WholeWanted);
                if happened.iter().any(whole) {
                    self.ask_room(now);
                }
            }
            Err(words) => self.show_failed(&words, now),
        }
    }

    /// The video server cannot do something with the room's picture. One that is shown already goes on: only that it is hidden, or not, can
    /// be what was refused, and is asked for again.
    fn show_refused(&mut self, words: &str, now: Instant) {
        if !self.show.as_ref().is_some_and(Session::is_connected) {
            return self.show_failed(words, now);
        }
        self.warn(Way::Show, "shows its picture as before", words);
        self.hide_at = Some(now + AGAIN_AFTER);
    }

    fn show_failed(&mut self, words: &str, now: Instant) {
        self.warn(Way::Show, "does not show its picture", words);
        self.show = None;
        self.command(VideoCommand::Close {
            leg: self.begun.show.clone(),
        });
        self.show_at = Some(now + AGAIN_AFTER);
    }

    fn on_rtp(&mut self, came: io::Result<(usize, SocketAddr)>, buffer: &[u8]) {
        let Ok((length, from)) = came else {
            return;
        };
        let now = clock::now();
        let packet = buffer.get(..length).and_then(Packet::read);
        let (Some(packet), Some(remote)) = (packet, &mut self.remote) else {
            return;
        };
        if packet.payload.is_empty() || !remote.accepts(from, &packet, now) {
            return;
        }
        if std::mem::replace(&mut self.theirs, packet.ssrc) != packet.ssrc {
            self.ask_room(now);
        }
        if let Some(session) = &mut self.show {
            let shown = session.show(&packet, now);
            if shown == Ok(true) {
                self.ask_room(now);
            }
            self.after_show(shown.map(drop), now);
        }
    }

    fn on_rtcp(&mut self, came: io::Result<(usize, SocketAddr)>, buffer: &[u8], now: Instant) {
        let Ok((length, from)) = came else {
            return;
        };
        let theirs = |remote: &Remote| remote.rtp().ip() == from.ip();
        if !self.remote.as_ref().is_some_and(theirs) {
            return;
        }
        if self.wished.is_some_and(|at| now < at + WHOLE_EVERY) {
            return;
        }
        if buffer.get(..length).is_some_and(asks_for_whole)
            && let (Some(mid), Some(session)) = (self.switch.whose(), &mut self.see)
        {
            self.wished = Some(now);
            session.ask_whole(mid);
            let ticked = session.tick(now);
            self.after_see(ticked, now);
        }
    }

    /// Asks the room for a whole picture.
    fn ask_room(&mut self, now: Instant) {
        if self.asked.is_none_or(|at| now >= at + WHOLE_EVERY) {
            self.asked = Some(now);
            self.report(Some(self.theirs));
        }
    }

    fn report(&self, whole: Option<u32>) {
        let Some(remote) = &self.remote else {
            return;
        };
        let text = report(self.begun.ssrc, "pictures", whole);
        // What cannot be sent is sent again later.
        let _sent = self.begun.sockets.rtcp.try_send_to(&text, remote.rtcp());
    }

    // The others' pictures.

    /// Asks the video server what there is to see.
    fn look(&mut self) {
        let sends = |remote: &Remote| remote.params.send;
        if self.server_up && self.remote.as_ref().is_some_and(sends) {
            self.command(VideoCommand::Watch {
                leg: self.begun.see.clone(),
                participant: self.begun.participant.clone(),
            });
        } else if self.see.is_some() {
            self.command(VideoCommand::Close {
                leg: self.begun.see.clone(),
            });
            self.drop_see();
        }
    }

    fn drop_see(&mut self) {
        self.see = None;
        self.pictures.clear();
        self.switch.clear();
    }

    /// The video server offers what there is.
    fn offered(&mut self, offer: &str, pictures: Vec<Picture>, now: Instant) {
        if offer.is_empty() {
            return;
        }
        let answered = match self.see.take() {
            Some(session) => Ok(session),
            None => Session::new(&self.begun.identity, self.begun.at[1], now),
        };
        let answered = answered.and_then(|mut session| {
            let answer = session.answer(offer)?;
            Ok((session, answer))
        });
        match answered {
            Err(words) => self.see_failed(&words, now),
            Ok((session, answer)) => {
                self.see = Some(session);
                self.command(VideoCommand::Answer {
                    leg: self.begun.see.clone(),
                    answer,
                });
                let pictures = pictures.into_iter();
                let now_there: BTreeMap<_, _> = pictures
                    .map(|picture| (picture.mid, picture.participant))
                    .collect();
                // A section may be somebody else's from now on, whose packets are numbered otherwise.
                for (mid, participant) in std::mem::take(&mut self.pictures) {
                    if now_there.get(&mid) != Some(&participant) {
                        self.switch.forget(&mid);
                    }
                }
                self.pictures = now_there;
                self.choose(now);
                self.after_see(Ok(()), now);
            }
        }
    }

    fn see_failed(&mut self, words: &str, now: Instant) {
        self.warn(Way::See, "does not see the others", words);
        self.drop_see();
        self.command(VideoCommand::Close {
            leg: self.begun.see.clone(),
        });
        self.look_at = Some(now + AGAIN_AFTER);
    }

    /// The picture of who talks; if there is none, the one that is seen already, or else the first.
    fn choose(&mut self, now: Instant) {
        let of_speaker = |(mid, participant): (&String, &ParticipantId)| {
            (self.speaker.as_ref() == Some(participant)).then(|| mid.clone())
        };
        let talks = self.pictures.iter().find_map(of_speaker);
        let seen = self.switch.whose();
        let stays = seen.filter(|mid| self.pictures.contains_key(*mid));
        let next = talks
            .or_else(|| stays.cloned())
            .or_else(|| self.pictures.keys().next().cloned());
        match (seen.cloned(), next) {
            (seen, Some(next)) if seen.as_ref() != Some(&next) => self.switch.want(next),
            (Some(seen), None) => self.switch.forget(&seen),
            _ => {}
        }
        self.ask_whole(now);
    }

    fn ask_whole(&mut self, now: Instant) {
        if let Some(session) = &mut self.see
            && let Some(mid) = self.switch.ask(now)
        {
            session.ask_whole(&mid);
            let ticked = session.tick(now);
            self.after_see(ticked, now);
        }
    }

    fn after_see(&mut self, done: Result<(), String>, now: Instant) {
        let Some(session) = &mut self.see else {
            return;
        };
        let happened = match done.and_then(|()| session.drain(&self.begun.sockets.see)) {
            Ok(happened) => happened,
            Err(words) => return self.see_failed(&words, now),
        };
        for one in happened {
            let Happened::Seen {
                mid,
                marker,
                sequence,
                time,
                payload,
            } = one
            else {
                continue;
            };
            let units = units_of(&payload);
            let place = self.switch.take(&mid, sequence, time, &units, now);
            let (Some(place), Some(remote)) = (place, &self.remote) else {
                continue;
            };
            let last = units.len().saturating_sub(1);
            for ((at, payload), number) in units.into_iter().enumerate().zip(0_u16..) {
                let packet = Packet {
                    // The picture ends with the last of them.
                    marker: marker && at == last,
                    payload_type: remote.params.sent_as,
                    sequence: place.sequence.wrapping_add(number),
                    time: place.time,
                    ssrc: self.begun.ssrc,
                    payload,
                };
                packet.write(&mut self.out);
                // What cannot be sent is lost, as on the way.
                let _sent = self.begun.sockets.rtp.try_send_to(&self.out, remote.rtp());
            }
        }
    }

    // The video server.

    fn video(&mut self, event: VideoEvent, now: Instant) {
        match event {
            VideoEvent::Answered { leg, answer } if leg == self.begun.show => {
                let Some(session) = &mut self.show else {
                    return;
                };
                let accepted = session.answered(&answer);
                let ticked = accepted.and_then(|()| session.tick(now));
                self.after_show(ticked, now);
            }
            VideoEvent::Offered {
                leg,
                offer,
                pictures,
            } if leg == self.begun.see => self.offered(&offer, pictures, now),
            VideoEvent::Failed { leg, words } if leg == self.begun.show => {
                self.show_refused(&words, now);
            }
            VideoEvent::Failed { leg, words } if leg == self.begun.see => {
                self.see_failed(&words, now);
            }
            VideoEvent::Closed { leg } if leg == self.begun.show && self.show.is_some() => {
                self.show = None;
                self.show_at = Some(now + AGAIN_AFTER);
            }
            VideoEvent::Closed { leg } if leg == self.begun.see && self.see.is_some() => {
                self.drop_see();
                self.look_at = Some(now + AGAIN_AFTER);
            }
            VideoEvent::Ended { .. } => {
                self.show = None;
                self.drop_see();
                self.show_at = Some(now + AGAIN_AFTER);
                self.look_at = Some(now + AGAIN_AFTER);
            }
            VideoEvent::Prepared { .. }
            | VideoEvent::Refused { .. }
            | VideoEvent::Answered { .. }
            | VideoEvent::Offered { .. }
            | VideoEvent::Failed { .. }
            | VideoEvent::Connected { .. }
            | VideoEvent::Visible { .. }
            | VideoEvent::Closed { .. } => {}
        }
    }

    fn command(&self, command: VideoCommand) {
        // Where the server is not there, its coming is told, and all begins anew.
        if let Err(error) = self.begun.link.video(command) {
            tracing::debug!(%error, "a video server was not told something");
        }
    }

    /// What is told again each second is logged once, also where both ways fail by turns.
    fn warn(&mut self, way: Way, what: &str, words: &str) {
        let [show, see] = &mut self.warned;
        let warned = match way {
            Way::Show => show,
            Way::See => see,
        };
        let now = format!("{what}: {words}");
        if std::mem::replace(warned, now.clone()) == now {
            return;
        }
        let participant = &self.begun.participant;
        let conference = &self.begun.show.conference;
        tracing::info!(%conference, %participant, words, "a video room {what}");
    }
}

fn is_due(session: &Session, now: Instant) -> bool {
    session.deadline().is_some_and(|at| at <= now)
}

fn take(
    session: &mut Option<Session>,
    came: io::Result<(usize, SocketAddr)>,
    buffer: &[u8],
) -> Result<(), String> {
    let (Some(session), Ok((length, from))) = (session, came) else {
        return Ok(());
    };
    let datagram = buffer.get(..length).unwrap_or_default();
    session.take(from, datagram, clock::now())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use convoke_types::bridge_protocol::ToBridge;

    use super::*;
    use crate::sight::session::tests::{connected, turn};
    use crate::sight::tests::key;

    const WHOLE: &[u8] = &[0x67, 0x42, 0xe0, 0x1f];

    async fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    /// A room that is given what comes by `see`, and what it tells the video server.
    async fn end(see: UdpSocket) -> (End, mpsc::Receiver<ToBridge>) {
        let local = see.local_addr().unwrap();
        let (link, sent) = LinkSender::standing();
        let end = End::new(Beginning {
            identity: Arc::new(Identity::make().unwrap()),
            sockets: Sockets {
                rtp: socket().await,
                rtcp: socket().await,
                show: socket().await,
                see,
            },
            at: [local, local],
            show: key("l1-shows"),
            see: key("l1-sees"),
            participant: "p1".parse().unwrap(),
            link,
            server_up: true,
            ssrc: 5,
        });
        (end, sent)
    }

    fn params() -> SightParams {
        SightParams {
            remote: (Ipv4Addr::LOCALHOST, 7_000).into(),
            sent_as: 97,
            comes_as: 97,
            send: true,
            receive: true,
        }
    }

    fn hide(on: bool) -> VideoCommand {
        let leg = key("l1-shows");
        VideoCommand::Hide { leg, on }
    }

    fn said(sent: &mut mpsc::Receiver<ToBridge>) -> Vec<VideoCommand> {
        let said = std::iter::from_fn(|| sent.try_recv().ok());
        let video = |said| match said {
            ToBridge::Video(command) => command,
            ToBridge::Media(other) => panic!("{other:?}"),
        };
        said.map(video).collect()
    }

    #[tokio::test]
    async fn a_picture_that_is_hidden_is_so_wherever_and_whenever_it_is_shown_anew() {
        let (mut end, mut sent) = end(socket().await).await;
        let now = clock::now();
        end.remote = Some(Remote::new(params()));
        end.told(Told::Hide("p2".parse().unwrap(), true), now);
        end.begin_show(now);
        let [VideoCommand::Publish { .. }] = &said(&mut sent)[..] else {
            panic!("another one is hidden");
        };
        end.told(Told::Hide("p1".parse().unwrap(), true), now);
        assert_eq!(said(&mut sent), [hide(true)]);
        // The server is lost and comes back; then the conference goes to another one.
        let (link, mut elsewhere) = LinkSender::standing();
        for told in [Told::Server(true), Told::Moved(link, true)] {
            end.told(told, now);
            end.begin_show(now);
            let said = said(&mut sent).into_iter().chain(said(&mut elsewhere));
            let said = said.filter(|one| !matches!(one, VideoCommand::Close { .. }));
            let said: Vec<_> = said.collect();
            let [VideoCommand::Publish { .. }, hidden] = &said[..] else {
                panic!("{said:?}");
            };
            assert_eq!(*hidden, hide(true));
        }
        end.told(Told::Hide("p1".parse().unwrap(), false), now);
        assert_eq!(said(&mut elsewhere), [hide(false)]);
    }

    #[tokio::test]
    async fn a_picture_that_is_shown_goes_on_where_a_change_of_it_is_refused() {
        let ([shows, _other], _sockets) = connected().await;
        let (mut end, mut sent) = end(socket().await).await;
        let now = clock::now();
        let failed = || VideoEvent::Failed {
            leg: key("l1-shows"),
            words: "it cannot be hidden".to_owned(),
        };
        end.show = Some(shows);
        end.told(Told::Hide("p1".parse().unwrap(), true), now);
        end.video(failed(), now);
        assert!(end.show.is_some() && end.show_at.is_none());
        end.on_time(now + AGAIN_AFTER);
        assert_eq!(
            said(&mut sent),
            [hide(true), hide(true)],
            "it is asked again"
        );
        // One that is not there yet is tried again.
        end.show = Some(Session::new(&end.begun.identity, end.begun.at[0], now).unwrap());
        end.video(failed(), now);
        assert!(end.show.is_none());
        assert_eq!(end.show_at, Some(now + AGAIN_AFTER));
    }

    #[tokio::test]
    async fn a_room_that_asks_often_for_a_whole_picture_is_heard_seldom() {
        let ([mut other, sees], [at, see]) = connected().await;
        let (mut end, _sent) = end(see).await;
        let now = clock::now();
        end.remote = Some(Remote::new(params()));
        let room = end.remote.as_ref().unwrap().rtp();
        end.see = Some(sees);
        let packet = Packet {
            marker: true,
            payload_type: 97,
            sequence: 1,
            time: 90,
            ssrc: 7,
            payload: WHOLE,
        };
        other.show(&packet, now).unwrap();
        turn(&mut other, &at);
        let session = end.see.as_mut().unwrap();
        // What was sent over the loopback is there, and the runtime has to look.
        tokio::task::yield_now().await;
        let seen = turn(session, &end.begun.sockets.see);
        let [Happened::Seen { mid, .. }] = &seen[..] else {
            panic!("{seen:?}");
        };
        end.switch.want(mid.clone());
        end.switch.take(mid, 1, 90, &[WHOLE], now).unwrap();

        let wish = report(7, "room", Some(5));
        let mut wishes = async |after: Duration, from: IpAddr| {
            let came = Ok((wish.len(), (from, 7_001).into()));
            end.on_rtcp(came, &wish, now + after);
            tokio::task::yield_now().await;
            let wanted = |one: &Happened| matches!(one, Happened::WholeWanted);
            turn(&mut other, &at).iter().any(wanted)
        };
        let ms = Duration::from_millis;
        let stranger = "127.0.0.9".parse().unwrap();
        assert!(!wishes(ms(0), stranger).await);
        assert!(wishes(ms(0), room.ip()).await);
        assert!(!wishes(ms(10), room.ip()).await);
        assert!(!wishes(WHOLE_EVERY - ms(1), room.ip()).await);
        assert!(wishes(WHOLE_EVERY, room.ip()).await);
    }
}
