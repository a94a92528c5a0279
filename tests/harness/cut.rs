//! A TCP relay that can be cut: its connections end and it takes none, until it is mended.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use testkit::namespace::within;

/// Stands between whoever connects to [`CutLine::near`] and the far address.
pub struct CutLine {
    near: SocketAddr,
    /// The network namespace that it is entered from, if not ours.
    namespace: Option<PathBuf>,
    shared: Arc<Mutex<Shared>>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    cut: bool,
    over: bool,
    /// Both ends of every connection; those that are over do no harm.
    open: Vec<TcpStream>,
}

impl CutLine {
    /// Whole at first.
    pub fn before(far: SocketAddr) -> io::Result<Self> {
        Self::of(listen()?, far, None)
    }

    /// One that leads out of another network namespace, to an address in ours.
    pub fn out_of(namespace: &Path, far: SocketAddr) -> io::Result<Self> {
        let listener = within(namespace, listen)??;
        Self::of(listener, far, Some(namespace.to_owned()))
    }

    fn of(listener: TcpListener, far: SocketAddr, namespace: Option<PathBuf>) -> io::Result<Self> {
        let near = listener.local_addr()?;
        let shared = Arc::<Mutex<Shared>>::default();
        let state = Arc::clone(&shared);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut now = lock(&state);
                if now.over {
                    break;
                }
                // Dropped, which closes it.
                if now.cut {
                    continue;
                }
                if let Ok(ends) = join(&stream, far) {
                    now.open.extend(ends);
                }
            }
        });
        Ok(Self {
            near,
            namespace,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Where it is connected to.
    pub fn near(&self) -> SocketAddr {
        self.near
    }

    /// Ends all connections, and takes none from now on.
    pub fn cut(&self) {
        let mut shared = lock(&self.shared);
        shared.cut = true;
        close(&mut shared);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        lock(&self.shared).cut = false;
    }
}

impl Drop for CutLine {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.over = true;
        close(&mut shared);
        drop(shared);
        // Wakes the thread that accepts.
        let wake = || TcpStream::connect(self.near).ok();
        match &self.namespace {
            None => wake(),
            Some(namespace) => within(namespace, wake).ok().flatten(),
        };
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(shared: &mut Shared) {
    for stream in shared.open.drain(..) {
        // It may be over already.
        stream.shutdown(Shutdown::Both).ok();
    }
}

/// Connects on, and carries what is said both ways until one end closes.
fn join(near: &TcpStream, far: SocketAddr) -> io::Result<[TcpStream; 2]> {
    let far = TcpStream::connect(far)?;
    let ends = [near.try_clone()?, far.try_clone()?];
    for (from, to) in [
        (near.try_clone()?, far.try_clone()?),
        (far, near.try_clone()?),
    ] {
        // Ends with its connection.
        thread::spawn(move || carry(from, to));
    }
    Ok(ends)
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16_384];
    loop {
        match from.read(&mut buffer) {
            Ok(length) if length > 0 && to.write_all(&buffer[..length]).is_ok() => {}
            _ => break,
        }
    }
    to.shutdown(Shutdown::Both).ok();
}

#[test]
fn what_is_cut_closes_and_takes_nothing_until_it_is_mended() {
    let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let line = CutLine::before(far.local_addr().unwrap()).unwrap();
    let connect = || {
        let stream = TcpStream::connect(line.near()).unwrap();
        stream.set_read_timeout(Some(testkit::GIVE_UP)).unwrap();
        stream
    };
    let mut near = connect();
    near.write_all(b"there").unwrap();
    let (mut theirs, _) = far.accept().unwrap();
    let mut said = [0; 5];
    theirs.read_exact(&mut said).unwrap();
    theirs.write_all(b"back!").unwrap();
    near.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"back!");
    line.cut();
    assert!(matches!(near.read(&mut said), Ok(0) | Err(_)));
    assert!(matches!(connect().read(&mut said), Ok(0) | Err(_)));
    line.mend();
    let mut near = connect();
    near.write_all(b"again").unwrap();
    let (mut theirs, _) = far.accept().unwrap();
    theirs.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"again");
}
