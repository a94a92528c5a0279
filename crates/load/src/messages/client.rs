//! One user with one device, who commands a service and is told things.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use sip_proto::{Message, Method, ResponseBuilder};

use super::wire::{COMMAND_LIFE_S, User, Wire};

/// A registered client; none of its methods waits.
pub struct Client {
    wire: Wire,
    domain: String,
    gruu: String,
    next_number: u64,
}

impl Client {
    /// How long its commands may be carried out, in seconds.
    pub const COMMAND_LIFE_S: u32 = COMMAND_LIFE_S;

    /// Connects and registers; `instance` is the URN of its device.
    ///
    /// # Errors
    /// When it is refused, or gets no address of its own (GRUU, RFC 5627).
    pub fn register(server: SocketAddr, domain: &str, user: &User, instance: &str) -> Result<Self> {
        let (wire, answer) = Wire::register(server, domain, user, Some(instance))?;
        let contacts = answer.contacts()?;
        let gruu = contacts
            .iter()
            .find_map(|contact| contact.param("pub-gruu"));
        let gruu = gruu.context("the registrar gave no public GRUU")?;
        Ok(Self {
            wire,
            domain: domain.to_owned(),
            gruu: gruu.trim_matches('"').to_owned(),
            next_number: 1,
        })
    }

    /// Where it is reached.
    pub fn gruu(&self) -> &str {
        &self.gruu
    }

    /// Sends an envelope to a service.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn command(&mut self, service: &str, envelope: &[u8]) -> Result<()> {
        self.wire
            .command(self.next_number, service, &self.domain, envelope);
        self.next_number += 1;
        self.wire.flush()
    }

    /// Takes what has come; messages are answered 200.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn take(&mut self) -> Result<Vec<Message>> {
        let mut taken = Vec::new();
        self.wire.receive()?;
        while let Some(message) = self.wire.next()? {
            if message.method_ref() == Some(&Method::Message) {
                let answer = ResponseBuilder::reply(&message, 200, "OK")
                    .to_tag("load")
                    .build();
                self.wire.queue(answer.as_bytes());
            }
            taken.push(message);
        }
        self.wire.flush()?;
        Ok(taken)
    }
}
