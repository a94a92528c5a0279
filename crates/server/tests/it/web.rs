//! What the server shows over HTTP.

use crate::bench::*;

async fn get(url: &str, key: Option<&str>) -> (u16, String) {
    let client = reqwest::Client::new();
    let mut request = client.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_for_the_administrator_and_descriptions_for_everybody() {
    let mut bench = Bench::start("").await;
    let _alice = registered(bench.peer("alice").await).await;
    let url = bench.server.addresses.url.clone();
    let key = std::fs::read_to_string(bench.directory.path().join("data/administrator.key"));
    let key = key.unwrap().trim().to_owned();
    assert_eq!(get(&format!("{url}/metrics"), None).await.0, 401);
    assert_eq!(get(&format!("{url}/metrics"), Some("wrong")).await.0, 401);
    let (status, text) = get(&format!("{url}/metrics"), Some(&key)).await;
    assert_eq!(status, 200);
    let received = text
        .lines()
        .find_map(|line| line.strip_prefix("convoke_sip_received_total{part=\"im\"} "));
    assert!(received.unwrap().parse::<u64>().unwrap() >= 2, "{text}");
    assert!(text.contains("convoke_media_latest_ms "), "{text}");
    for path in ["/soap/conference?wsdl", "/soap/report?wsdl"] {
        let (status, text) = get(&format!("{url}{path}"), None).await;
        assert_eq!(status, 200, "{path}");
        assert!(text.contains(&url), "{path} does not say where it is");
    }
    bench.stop().await;
}
