//! A bare HTTP/1.1 client, and with it what an operator does over REST: accounts, telephones, tokens, device passwords.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::GIVE_UP;

use crate::convoke::Convoke;

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// Its head, as it came.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{self:?} is not JSON"))
    }
}

/// One request on a connection of its own; `headers` are whole lines.
pub fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> anyhow::Result<Response> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(GIVE_UP))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .with_context(|| format!("no HTTP response: {text:?}"))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status in {head:?}"))?;
    Ok(Response {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// The administrator of a running server.
#[derive(Debug, Clone)]
pub struct Administrator {
    server: SocketAddr,
    key: String,
}

impl Administrator {
    /// By the key in its data directory.
    pub fn of(convoke: &Convoke) -> anyhow::Result<Self> {
        let key = std::fs::read_to_string(convoke.data().join("administrator.key"))?;
        Ok(Self {
            server: convoke.addr("http")?,
            key: key.trim().to_owned(),
        })
    }

    /// One REST call; an answer that is no success is an error.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let authorization = format!("Authorization: Bearer {}", self.key);
        let headers = [&*authorization, "Content-Type: application/json"];
        let body = body.to_string();
        let response = request(self.server, method, path, &headers, body.as_bytes())?;
        ensure!(
            (200..300).contains(&response.status),
            "{method} {path}: {response:?}"
        );
        response.json()
    }

    /// Makes an account with these telephones (label and number), the first of them the default.
    pub fn person(
        &self,
        user: &str,
        name: &str,
        telephones: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let path = format!("/api/v1/users/{user}");
        self.call("PUT", &path, &json!({ "name": name }))?;
        let rows: Vec<_> = telephones
            .iter()
            .enumerate()
            .map(|(at, (label, number))| {
                json!({ "label": label, "number": number, "default": at == 0 })
            })
            .collect();
        self.call("PUT", &format!("{path}/telephones"), &Value::Array(rows))?;
        Ok(())
    }

    /// A new token for the conference service.
    pub fn token(&self, user: &str) -> anyhow::Result<String> {
        let path = format!("/api/v1/users/{user}/tokens");
        let minted = self.call("POST", &path, &json!({ "label": "test" }))?;
        text(&minted, "token")
    }

    /// Somebody gets a password and signs in with it; gives the token of the session.
    pub fn signs_in(&self, convoke: &Convoke, user: &str) -> anyhow::Result<String> {
        let made = convoke.command(&["user", "password", user])?;
        let line = made.wait_line("a password", |line| line.stdout)?;
        let login = json!({ "user": user, "password": line.text.trim() });
        text(&self.call("POST", "/api/v1/session", &login)?, "token")
    }

    /// Somebody chooses the language that is spoken to them.
    pub fn speaks(&self, convoke: &Convoke, user: &str, language: &str) -> anyhow::Result<()> {
        let own = Self {
            server: self.server,
            key: self.signs_in(convoke, user)?,
        };
        own.call(
            "PUT",
            "/api/v1/me",
            &json!({ "name": user, "language": language }),
        )?;
        Ok(())
    }

    /// A new password for a SIP device.
    pub fn device(&self, user: &str) -> anyhow::Result<String> {
        let path = format!("/api/v1/users/{user}/devices");
        let minted = self.call("POST", &path, &json!({ "label": "test" }))?;
        text(&minted, "password")
    }
}

fn text(of: &Value, key: &str) -> anyhow::Result<String> {
    of[key]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no {key} in {of}"))
}
