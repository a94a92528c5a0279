//! One user's connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sip_proto::auth::{ClientAuth, Login};
use sip_proto::{Frame, HeaderName, Message, Side, StreamParser};

/// How long the server may take to answer a REGISTER.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Rounds of a registration: without credentials, and with them.
const ROUNDS: u32 = 2;
/// How long a command may be carried out.
pub(super) const COMMAND_LIFE_S: u32 = 20;
/// Body of a message after its number: with it, a message has about 100 bytes of text.
const TEXT: &str =
    "is a message of the usual length, as people write them to each other all day long";

/// Who registers.
#[derive(Debug, Clone)]
pub struct User {
    /// User part of the address.
    pub name: String,
    /// For a server that asks.
    pub password: Option<String>,
}

/// A registered user's connection; does not block once it is registered.
pub(super) struct Wire {
    pub(super) name: String,
    stream: TcpStream,
    local: SocketAddr,
    parser: StreamParser,
    unsent: Vec<u8>,
    chunk: Vec<u8>,
}

impl Wire {
    /// Connects and registers, under an instance if one is given (RFC 5626 §4.1); gives the answer as well.
    pub(super) fn register(
        server: SocketAddr,
        domain: &str,
        user: &User,
        instance: Option<&str>,
    ) -> Result<(Self, Message)> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut wire = Self {
            name: user.name.clone(),
            local: stream.local_addr()?,
            stream,
            parser: StreamParser::new(Side::Opened),
            unsent: Vec::new(),
            chunk: vec![0; 65_536],
        };
        let mut auth = user.password.as_ref().map(|password| {
            ClientAuth::new(Login {
                username: user.name.clone(),
                password: password.clone(),
            })
        });
        let instance = instance
            .map(|urn| format!(";+sip.instance=\"<{urn}>\""))
            .unwrap_or_default();
        for round in 1..=ROUNDS {
            let uri = format!("sip:{domain}");
            let cnonce = format!("load{round}{}", wire.local.port());
            let credentials = auth
                .as_mut()
                .and_then(|auth| auth.authorize("REGISTER", &uri, &cnonce));
            let credentials = credentials.map_or(String::new(), |(name, value)| {
                format!("{name}: {value}\r\n")
            });
            let (name, local) = (&user.name, wire.local);
            let request = format!(
                "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKr{round}x{port};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{name}@{domain}>;tag=r{port}\r\nTo: <sip:{name}@{domain}>\r\n\
                 Call-ID: register-{port}@load\r\nCSeq: {round} REGISTER\r\n\
                 Contact: <sip:{name}@{local};transport=tcp>{instance};expires=3600\r\n\
                 Supported: gruu, path\r\n{credentials}Content-Length: 0\r\n\r\n",
                port = local.port()
            );
            wire.stream.write_all(request.as_bytes())?;
            let response = wire.wait()?;
            match response.status() {
                Some(200) => {
                    wire.stream.set_nonblocking(true)?;
                    return Ok((wire, response));
                }
                Some(401) => {
                    let auth = auth.as_mut().context("the server asks for a password")?;
                    auth.challenged(response.headers(HeaderName::WwwAuthenticate), false)?;
                }
                status => bail!("the server answered {status:?}"),
            }
        }
        bail!("the server does not take the password")
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Queues a MESSAGE.
    pub(super) fn message(&mut self, number: u64, reader: &str, domain: &str) {
        let body = format!("{number} {TEXT}");
        let (name, local) = (&self.name, self.local);
        let request = format!(
            "MESSAGE sip:{reader}@{domain} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKm{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@{domain}>;tag=m{number}\r\nTo: <sip:{reader}@{domain}>\r\n\
             Call-ID: {number}@load\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.unsent.extend_from_slice(request.as_bytes());
    }

    /// Queues a command for a service: a MESSAGE that says that it expires.
    pub(super) fn command(&mut self, number: u64, service: &str, domain: &str, body: &[u8]) {
        let (name, local) = (&self.name, self.local);
        let head = format!(
            "MESSAGE sip:{service}@{domain} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKc{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@{domain}>;tag=c{number}\r\nTo: <sip:{service}@{domain}>\r\n\
             Call-ID: {number}@load\r\nCSeq: 1 MESSAGE\r\nExpires: {COMMAND_LIFE_S}\r\nContent-Type: text/xml\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.unsent.extend_from_slice(head.as_bytes());
        self.unsent.extend_from_slice(body);
    }

    /// Queues bytes.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => bail!("the server closed the connection of {}", self.name),
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what there is, once.
    pub(super) fn receive(&mut self) -> Result<()> {
        match self.stream.read(&mut self.chunk) {
            Ok(0) => bail!("the server closed the connection of {}", self.name),
            Ok(length) => {
                self.parser
                    .push(self.chunk.get(..length).unwrap_or_default());
                Ok(())
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Message>> {
        loop {
            match self.parser.next()? {
                None => return Ok(None),
                Some(Frame::Message(message)) => return Ok(Some(message)),
                Some(Frame::Ping | Frame::Pong) => {}
            }
        }
    }

    fn wait(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.next()? {
                ensure!(
                    message.status().is_some(),
                    "the server sent a request, not an answer"
                );
                if message.status().is_some_and(|status| status >= 200) {
                    return Ok(message);
                }
                continue;
            }
            let length = self.stream.read(&mut self.chunk)?;
            ensure!(length > 0, "the server closed the connection");
            self.parser
                .push(self.chunk.get(..length).unwrap_or_default());
        }
    }
}
