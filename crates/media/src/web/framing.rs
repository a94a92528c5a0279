//! ICE over TCP (RFC 6544): one connection, its packets framed by RFC 4571.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// No longer packet is read; whoever sends one is cut off.
pub(crate) const MAX_FRAME_BYTES: usize = 1_500;
/// Bytes before each packet: its length.
const HEAD_BYTES: usize = 2;
/// Bytes that wait for a peer that does not read: a second of voice and some. More is thrown away, packet by packet, since
/// voice that comes later is of no use.
const MAX_WAITING_BYTES: usize = 8_192;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// This many bytes of a packet lie in the buffer.
    Packet(usize),
    /// Nothing more at the moment.
    Nothing,
    /// The connection is over, or says what no peer says.
    Over,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct TcpPeer {
    socket: TcpStream,
    pub remote: SocketAddr,
    /// What has come of the next frame, head included.
    partial: Vec<u8>,
    waiting: Vec<u8>,
    pub over: bool,
}

impl TcpPeer {
    /// A connection, with what was read of it so far.
    pub(crate) fn new(socket: TcpStream, remote: SocketAddr, read: Vec<u8>) -> Self {
        let mut partial = read;
        partial.reserve(HEAD_BYTES + MAX_FRAME_BYTES);
        Self {
            socket,
            remote,
            partial,
            waiting: Vec::with_capacity(MAX_WAITING_BYTES),
            over: false,
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The next packet into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Framed {
        loop {
            match self.take(buffer) {
                Framed::Nothing => {}
                done => return done,
            }
            // No more than this frame is read, so that nothing has to be kept but a part of one.
            let wanted = match self.length() {
                None => HEAD_BYTES - self.partial.len(),
                Some(length) => HEAD_BYTES + length - self.partial.len(),
            };
            let mut part = [0; HEAD_BYTES + MAX_FRAME_BYTES];
            let Some(part) = part.get_mut(..wanted) else {
                return self.end();
            };
            match self.socket.read(part) {
                Ok(0) => return self.end(),
                Ok(read) => self
                    .partial
                    .extend_from_slice(part.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Framed::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.end(),
            }
        }
    }

    /// Sends a packet, or throws it away when the peer does not keep up; false if it was thrown away.
    pub(crate) fn write(&mut self, packet: &[u8]) -> bool {
        self.flush();
        let Ok(length) = u16::try_from(packet.len()) else {
            return false;
        };
        if self.over || self.waiting.len() + HEAD_BYTES + packet.len() > MAX_WAITING_BYTES {
            return false;
        }
        self.waiting.extend_from_slice(&length.to_be_bytes());
        self.waiting.extend_from_slice(packet);
        self.flush();
        true
    }

    /// Sends what waits, as far as the peer takes it.
    pub(crate) fn flush(&mut self) {
        while !self.waiting.is_empty() && !self.over {
            match self.socket.write(&self.waiting) {
                Ok(0) => self.over = true,
                Ok(written) => {
                    self.waiting.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.over = true,
            }
        }
    }

    fn end(&mut self) -> Framed {
        self.over = true;
        Framed::Over
    }

    /// Length of the next packet, once its head is here.
    fn length(&self) -> Option<usize> {
        let head = self.partial.first_chunk::<HEAD_BYTES>()?;
        Some(usize::from(u16::from_be_bytes(*head)))
    }

    /// Takes a whole packet out of what has come.
    fn take(&mut self, buffer: &mut [u8]) -> Framed {
        let Some(length) = self.length() else {
            return Framed::Nothing;
        };
        if length > MAX_FRAME_BYTES || length > buffer.len() {
            return self.end();
        }
        let Some(packet) = self.partial.get(HEAD_BYTES..HEAD_BYTES + length) else {
            return Framed::Nothing;
        };
        if let Some(place) = buffer.get_mut(..length) {
            place.copy_from_slice(packet);
        }
        self.partial.drain(..HEAD_BYTES + length);
        Framed::Packet(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpPeer) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, remote) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (theirs, TcpPeer::new(ours, remote, Vec::new()))
    }

    /// Waits until something can be read.
    fn next(peer: &mut TcpPeer, buffer: &mut [u8]) -> Framed {
        loop {
            match peer.read(buffer) {
                Framed::Nothing => {
                    let mut fds = [rustix::event::PollFd::new(
                        &peer.socket,
                        rustix::event::PollFlags::IN,
                    )];
                    rustix::event::poll(&mut fds, None).unwrap();
                }
                framed => return framed,
            }
        }
    }

    #[test]
    fn packets_pass_in_any_pieces_and_the_end_is_seen() {
        let (mut theirs, mut peer) = pair();
        let mut buffer = [0; MAX_FRAME_BYTES];
        theirs.write_all(&[0, 3, 1, 2, 3, 0, 0, 0]).unwrap();
        assert_eq!(next(&mut peer, &mut buffer), Framed::Packet(3));
        assert_eq!(buffer[..3], [1, 2, 3]);
        assert_eq!(next(&mut peer, &mut buffer), Framed::Packet(0));
        theirs.write_all(&[2, 9, 0, 0, 5, 1]).unwrap();
        assert_eq!(next(&mut peer, &mut buffer), Framed::Packet(2));
        assert_eq!(buffer[..2], [9, 0]);
        drop(theirs);
        // What had come of a packet is over with the connection.
        assert_eq!(next(&mut peer, &mut buffer), Framed::Over);
    }

    #[test]
    fn what_is_too_long_ends_the_connection() {
        let (mut theirs, mut peer) = pair();
        theirs.write_all(&[255, 255, 1]).unwrap();
        assert_eq!(next(&mut peer, &mut [0; MAX_FRAME_BYTES]), Framed::Over);
        assert!(peer.over && !peer.write(&[1]));
    }

    #[test]
    fn who_does_not_read_costs_no_more_than_the_bound() {
        let (theirs, mut peer) = pair();
        let packet = [7; 1_000];
        let taken = (0..100_000).take_while(|_| peer.write(&packet)).count();
        assert!(taken < 100_000 && peer.waiting.len() <= MAX_WAITING_BYTES);
        // The frame that was begun is ended when the peer reads on.
        let mut theirs = theirs;
        let mut all = vec![0; 1_002 * 8];
        theirs.read_exact(&mut all).unwrap();
        assert!(
            all.chunks(1_002)
                .all(|frame| frame[..2] == [3, 232] && frame[2..] == packet)
        );
    }
}
