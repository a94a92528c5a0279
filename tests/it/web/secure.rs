//! HTTPS: what comes to its port.

use std::io::{Read, Write};
use std::net::TcpStream;

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use testkit::GIVE_UP;

use crate::calls::stage::DOMAIN;

/// Browsers end the handshake with a certificate that they do not know; scanners speak anything.
#[test]
fn a_handshake_that_fails_ends_its_connection_and_nothing_else() {
    let tls = toml::Value::from(vec!["127.0.0.1:0"]);
    let config = Config::new(DOMAIN).unwrap().set("http", "tls", tls);
    let convoke = Convoke::start(config).unwrap();
    let https = convoke.addr("https").unwrap();
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    ] {
        let mut stream = TcpStream::connect(https).unwrap();
        stream.set_read_timeout(Some(GIVE_UP)).unwrap();
        stream.write_all(nonsense).unwrap();
        // An alert, perhaps, and then the end; or a reset.
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() < 64, "{said:?}");
    }
    let program = convoke.program();
    program.terminate();
    program.wait_exit(GIVE_UP).unwrap();
    let panicked = |text: &str| text.contains("panicked");
    assert!(!program.lines().iter().any(|line| panicked(&line.text)));
}
