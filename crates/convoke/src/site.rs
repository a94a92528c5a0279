//! The installation that a command works on: a running server's addresses and its administrator's key, found in the data
//! directory, and the REST calls for administration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use convoke_types::{Aor, Fault, FaultCode};
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use server::files::{ADMINISTRATOR_KEY_FILE, Addresses, FileError};

use api::{AccountView, DeviceView, MintedDevice, MintedToken, TelephoneView, TokenView};

/// How long the server may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// A running server, as its administrator.
pub struct Site {
    /// Where it listens.
    pub addresses: Addresses,
    data: PathBuf,
    key: String,
    base: Url,
    http: reqwest::Client,
}

impl Site {
    /// Finds the server that runs on this data directory.
    pub fn open(data: &Path) -> Result<Self> {
        let addresses = Addresses::read(data).map_err(|error| nobody(data, &error))?;
        let path = data.join(ADMINISTRATOR_KEY_FILE);
        let key = std::fs::read_to_string(&path)
            .with_context(|| format!("the administrator's key in {}", path.display()))?;
        let http = addresses
            .http
            .context("the server listens on no HTTP address, so it cannot be administered")?;
        Ok(Self {
            data: data.to_owned(),
            key: key.trim().to_owned(),
            base: Url::parse(&format!("http://{}", reachable(http)))?,
            // A proxy could not reach the loopback.
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(ANSWER_WAIT)
                .build()?,
            addresses,
        })
    }

    /// `bob`, or `bob@domain`, as an address of record.
    pub fn aor(&self, user: &str) -> Result<Aor> {
        let bare = user.strip_prefix("sip:").unwrap_or(user);
        if bare.is_empty() {
            bail!("expected the name of an account, came nothing");
        }
        let aor = match bare.contains('@') {
            true => bare.parse(),
            false => Aor::new(bare, &self.addresses.domain),
        };
        aor.map_err(|error| anyhow!("{user}: {error}"))
    }

    /// Every account.
    pub async fn users(&self) -> Result<Vec<AccountView>> {
        self.call(Method::GET, &["users"], &[], None).await
    }

    /// Makes or renames an account.
    pub async fn save_user(&self, user: &Aor, name: &str) -> Result<()> {
        let body = json!({ "name": name });
        let path = ["users", &user.to_string()];
        self.call(Method::PUT, &path, &[], Some(body)).await
    }

    /// Replaces an account's telephones.
    pub async fn save_telephones(&self, user: &Aor, telephones: &[TelephoneView]) -> Result<()> {
        let body = serde_json::to_value(telephones)?;
        let path = ["users", &user.to_string(), "telephones"];
        self.call(Method::PUT, &path, &[], Some(body)).await
    }

    /// Makes a device password.
    pub async fn mint_device(&self, user: &Aor, label: &str) -> Result<MintedDevice> {
        let body = json!({ "label": label });
        let path = ["users", &user.to_string(), "devices"];
        self.call(Method::POST, &path, &[], Some(body)).await
    }

    /// The device passwords in force.
    pub async fn devices(&self, user: &Aor) -> Result<Vec<DeviceView>> {
        let path = ["users", &user.to_string(), "devices"];
        self.call(Method::GET, &path, &[], None).await
    }

    /// Takes a device password back.
    pub async fn revoke_device(&self, user: &Aor, id: i64) -> Result<()> {
        let path = ["users", &user.to_string(), "devices", &id.to_string()];
        self.call(Method::DELETE, &path, &[], None).await
    }

    /// Sets the password for signing in; gives it back where the server made it.
    pub async fn set_password(&self, user: &Aor, chosen: Option<&str>) -> Result<Option<String>> {
        let body = chosen.map_or_else(|| json!({}), |password| json!({ "password": password }));
        let path = ["users", &user.to_string(), "password"];
        let answer: Value = self.call(Method::PUT, &path, &[], Some(body)).await?;
        Ok(answer["password"].as_str().map(str::to_owned))
    }

    /// Makes a token.
    pub async fn mint_token(&self, user: &Aor, label: &str, days: u16) -> Result<MintedToken> {
        let body = json!({ "label": label, "days": days });
        let path = ["users", &user.to_string(), "tokens"];
        self.call(Method::POST, &path, &[], Some(body)).await
    }

    /// The tokens of programs that are good.
    pub async fn tokens(&self, user: &Aor) -> Result<Vec<TokenView>> {
        let path = ["users", &user.to_string(), "tokens"];
        self.call(Method::GET, &path, &[], None).await
    }

    /// Takes a program's token back.
    pub async fn revoke_token(&self, user: &Aor, id: i64) -> Result<()> {
        let path = ["users", &user.to_string(), "tokens", &id.to_string()];
        self.call(Method::DELETE, &path, &[], None).await
    }

    /// The log of messages, oldest first, as REST shows it.
    pub async fn messages(
        &self,
        user: Option<&str>,
        limit: u32,
        bodies: bool,
    ) -> Result<Vec<Value>> {
        let mut query = vec![("limit", limit.to_string()), ("bodies", bodies.to_string())];
        query.extend(user.map(|user| ("user", user.to_owned())));
        self.call(Method::GET, &["messages"], &query, None).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<T> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(["api", "v1"]).extend(path);
        }
        let mut request = self.http.request(method, url).query(query);
        request = request.bearer_auth(&self.key);
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.map_err(|error| self.silent(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| self.silent(&error))?;
        if !status.is_success() {
            return Err(self.refused(status, &text));
        }
        serde_json::from_str(&text).context("the server's answer is not as expected")
    }

    fn silent(&self, error: &reqwest::Error) -> anyhow::Error {
        let why = match (error.is_connect(), error.is_timeout()) {
            (true, _) => "nobody listens there".to_owned(),
            (_, true) => format!("no answer within {} s", ANSWER_WAIT.as_secs()),
            _ => error.to_string(),
        };
        anyhow!(
            "the server of data directory {} does not answer at {} ({why}); start it again with `convoke serve` or `convoke demo`",
            self.data.display(),
            self.base
        )
    }

    fn refused(&self, status: StatusCode, text: &str) -> anyhow::Error {
        let fault = serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|answer| serde_json::from_value::<Fault>(answer.get("error")?.clone()).ok());
        match fault {
            // Whoever typed the command knows of a key in a file, and nothing of headers.
            _ if status == StatusCode::UNAUTHORIZED => anyhow!(
                "the server does not take the key in {}",
                self.data.join(ADMINISTRATOR_KEY_FILE).display()
            ),
            Some(fault) => fault.into(),
            None => anyhow!("the server answers {status}: {}", text.trim()),
        }
    }

    /// One account; `None`: there is none of this address.
    pub async fn user(&self, aor: &Aor) -> Result<Option<AccountView>> {
        let path = ["users", &aor.to_string()];
        match self.call(Method::GET, &path, &[], None).await {
            Ok(account) => Ok(Some(account)),
            Err(error) => match error.downcast_ref::<Fault>() {
                Some(fault) if fault.code == FaultCode::UnknownPerson => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// An account, or words that say who there is.
    pub async fn account(&self, user: &str) -> Result<AccountView> {
        let aor = self.aor(user)?;
        if let Some(account) = self.user(&aor).await? {
            return Ok(account);
        }
        let accounts = self.users().await?;
        // The services of the server are nobody whom one looks for here.
        let people = accounts.iter().filter(|account| !account.service);
        let known: Vec<&str> = people.map(|a| a.user.user()).take(20).collect();
        if known.is_empty() {
            bail!(
                "there is no account {aor}, nor any other; make it with `convoke user add {user}`"
            );
        }
        bail!(
            "there is no account {aor}; there are {} (make one with `convoke user add {user}`)",
            known.join(", ")
        )
    }
}

fn nobody(data: &Path, error: &FileError) -> anyhow::Error {
    match error {
        FileError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => anyhow!(
            "no server runs on data directory {}; start it with `convoke serve` or `convoke demo`, or name another with --data",
            data.display()
        ),
        FileError::Io { path, error } if error.kind() == std::io::ErrorKind::PermissionDenied => {
            anyhow!(
                "{}: {error}; only the user who runs the server may administer it",
                path.display()
            )
        }
        other => anyhow!("{other}"),
    }
}

/// Where to connect to for an address that is listened on.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_server_it_is_said_how_to_start_one() {
        let directory = tempfile::tempdir().unwrap();
        let error = Site::open(directory.path()).err().unwrap().to_string();
        assert!(
            error.starts_with("no server runs on data directory"),
            "{error}"
        );
        assert!(error.contains("convoke demo"), "{error}");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_the_loopback() {
        assert_eq!(
            reachable("0.0.0.0:8060".parse().unwrap()).to_string(),
            "127.0.0.1:8060"
        );
        assert_eq!(
            reachable("192.0.2.1:1".parse().unwrap()).to_string(),
            "192.0.2.1:1"
        );
    }
}
