//! The window's files, embedded when the binary was built with them; otherwise `/` says how to get them.
//!
//! Links into the window (`/call`, `/chat/…`, `/settings` …) are paths without a file: they get its page, which reads them.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::http::Http;

/// One embedded file, in one coding.
pub(crate) struct File {
    path: &'static str,
    content_type: &'static str,
    /// `identity`, or a content coding of HTTP (RFC 9110 §8.4.1): the window's build may leave `x.br` and `x.gz` beside `x`.
    coding: &'static str,
    /// Changes with the content.
    tag: &'static str,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/window.rs"));

/// Nothing from elsewhere, nothing inline, no framing; and scripts get no text where they could be made to run it. A file, for the
/// window's tests serve its pages under the same policy; `SOCKETS` are those of our own hosts.
const POLICY: &str = include_str!("window-policy.txt");
/// What the window may ask the person for.
const PERMISSIONS: &str =
    "camera=(self), microphone=(self), display-capture=(self), geolocation=()";
/// Where the build puts files whose names change with their contents.
const HASHED: &str = "/assets/";
/// Codings that we have files in, the best first.
const CODINGS: [&str; 3] = ["br", "gzip", "identity"];
/// Paths of programs: what is unknown there is no link into the window.
const OF_PROGRAMS: [&str; 4] = ["/api/", "/soap/", "/metrics", "/sip"];

/// Serves a file of the window; links into it get its page.
pub(crate) async fn serve(
    State(http): State<Http>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::NOT_FOUND, "nothing here\n").into_response();
    }
    let policy = policy(&headers, &http.public_url);
    respond(FILES, uri.path(), &headers, policy)
}

/// The policy for who calls us as these headers say. That 'self' means WebSockets too is new to some browsers, so they are named.
fn policy(headers: &HeaderMap, public_url: &str) -> HeaderValue {
    let called = headers.get(header::HOST);
    let called = called.and_then(|host| host.to_str().ok());
    let url = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let mut hosts: Vec<&str> = called.into_iter().chain(url.split('/').next()).collect();
    hosts.dedup();
    let sockets: Vec<String> = hosts
        .iter()
        .filter(|host| is_host(host))
        .map(|host| format!("ws://{host} wss://{host}"))
        .collect();
    let text = POLICY.trim_end().replace('\n', "; ");
    let text = text.replace("SOCKETS", &sockets.join(" "));
    // Of these characters a header may consist.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Whether a text from outside is a host, with or without a port, and nothing more.
fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    !text.is_empty() && text.chars().all(fits)
}

fn respond(
    files: &'static [File],
    path: &str,
    headers: &HeaderMap,
    policy: HeaderValue,
) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let page = || find(files, "/index.html", accepted).filter(|_| is_link(files, path));
    match find(files, path, accepted).or_else(page) {
        Some(file) => {
            let known = headers.get(header::IF_NONE_MATCH);
            let unchanged = known.is_some_and(|tag| tag == file.tag);
            let status = if unchanged {
                StatusCode::NOT_MODIFIED
            } else {
                StatusCode::OK
            };
            let bytes = if unchanged { &[][..] } else { file.bytes };
            let mut response = (status, bytes).into_response();
            describe(response.headers_mut(), file.content_type, policy);
            let headers = response.headers_mut();
            // A name that changes with the content stands for it for ever; others are asked for each time.
            let kept = match file.path.starts_with(HASHED) {
                true => "public, max-age=31536000, immutable",
                false => "no-cache",
            };
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
            headers.insert(header::ETAG, HeaderValue::from_static(file.tag));
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            if file.coding != "identity" {
                let coding = HeaderValue::from_static(file.coding);
                headers.insert(header::CONTENT_ENCODING, coding);
            }
            response
        }
        None if files.is_empty() && is_link(files, path) => {
            let mut response = WITHOUT.into_response();
            describe(response.headers_mut(), "text/html; charset=utf-8", policy);
            response
        }
        None => (StatusCode::NOT_FOUND, "nothing here\n").into_response(),
    }
}

fn describe(headers: &mut HeaderMap, content_type: &'static str, policy: HeaderValue) {
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The file of this path in the best coding that is accepted.
fn find(files: &'static [File], path: &str, accepted: Option<&str>) -> Option<&'static File> {
    CODINGS
        .iter()
        .filter(|coding| accepts(accepted, coding))
        .find_map(|coding| {
            let mut files = files.iter();
            files.find(|file| file.path == path && file.coding == *coding)
        })
}

/// Whether an Accept-Encoding (RFC 9110 §12.5.3) names a coding without refusing it.
fn accepts(accepted: Option<&str>, coding: &str) -> bool {
    if coding == "identity" {
        return true;
    }
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            let refused = weight
                .trim()
                .parse::<f32>()
                .is_ok_and(|weight| weight == 0.0);
            name.trim().eq_ignore_ascii_case(coding) && !refused
        })
    })
}

/// Whether a path leads into the window: not where programs or files are. Addresses have dots (`/chat/bob@example.org`), so
/// a dot alone tells a file only at the root.
fn is_link(files: &[File], path: &str) -> bool {
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let is_directory = |file: &File| {
        let rest = file.path.trim_start_matches('/').strip_prefix(first);
        !first.is_empty() && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let of_program = OF_PROGRAMS.iter().any(|begin| path.starts_with(begin));
    !of_program && !first.contains('.') && !files.iter().any(is_directory)
}

const WITHOUT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Convoke</title>
<h1>Convoke runs</h1>
<p>This binary was built without the window. To have it here, say <code>make build</code> where its sources are: with Node there, that builds the
window into <code>web/dist</code>, and then the binary again (<code>cargo build --release -p convoke</code>).</p>
<p>Everything else is there: <code>convoke call bob carol --as alice</code>, any SIP client, the
<a href=\"/soap/conference?wsdl\">conference web service</a> and <a href=\"/api/v1/openapi.json\">REST</a>.</p>
</html>
";

#[cfg(test)]
mod tests {
    use super::*;

    static BUILT: &[File] = &[
        File {
            path: "/assets/app-1a2b.js",
            content_type: "text/javascript; charset=utf-8",
            coding: "br",
            tag: "\"b\"",
            bytes: b"br",
        },
        File {
            path: "/assets/app-1a2b.js",
            content_type: "text/javascript; charset=utf-8",
            coding: "gzip",
            tag: "\"g\"",
            bytes: b"gzip",
        },
        File {
            path: "/assets/app-1a2b.js",
            content_type: "text/javascript; charset=utf-8",
            coding: "identity",
            tag: "\"a\"",
            bytes: b"plain",
        },
        File {
            path: "/index.html",
            content_type: "text/html; charset=utf-8",
            coding: "identity",
            tag: "\"i\"",
            bytes: b"<!doctype html>",
        },
    ];

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        ask(BUILT, path, headers)
    }

    fn ask(
        files: &'static [File],
        path: &str,
        headers: &[(header::HeaderName, &'static str)],
    ) -> Response {
        let pairs = headers.iter();
        let headers = pairs.map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let headers = headers.collect();
        let policy = policy(&headers, "https://convoke.example/base");
        respond(files, path, &headers, policy)
    }

    fn text(response: &Response, name: header::HeaderName) -> &str {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn pages_connect_to_nobody_but_us() {
        let connect = |host: &'static str| {
            let response = get("/", &[(header::HOST, host)]);
            let policy = text(&response, header::CONTENT_SECURITY_POLICY).to_owned();
            let mut parts = policy.split("; ");
            let found = parts.find(|part| part.starts_with("connect-src"));
            found.unwrap().to_owned()
        };
        let own = "ws://convoke.example wss://convoke.example";
        assert_eq!(
            connect("127.0.0.1:8060"),
            format!("connect-src 'self' ws://127.0.0.1:8060 wss://127.0.0.1:8060 {own}")
        );
        for host in ["convoke.example", "x; script-src *", "* ws:", ""] {
            assert_eq!(connect(host), format!("connect-src 'self' {own}"), "{host}");
        }
    }

    #[test]
    fn links_get_the_page_and_unknown_files_nothing() {
        for link in [
            "/",
            "/call",
            "/chat/bob@example.org",
            "/settings/telephones",
        ] {
            let response = get(link, &[]);
            assert_eq!(response.status(), StatusCode::OK, "{link}");
            assert_eq!(text(&response, header::CACHE_CONTROL), "no-cache");
            let policy = text(&response, header::CONTENT_SECURITY_POLICY);
            assert!(policy.contains("require-trusted-types-for 'script'"));
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        for nothing in [
            "/assets/old-9.js",
            "/api/v2",
            "/soap/none",
            "/sip",
            "/x.php",
        ] {
            assert_eq!(
                get(nothing, &[]).status(),
                StatusCode::NOT_FOUND,
                "{nothing}"
            );
        }
    }

    #[tokio::test]
    async fn a_binary_without_the_window_says_how_to_build_it() {
        for link in ["/", "/call", "/settings/telephones"] {
            let response = ask(&[], link, &[]);
            assert_eq!(response.status(), StatusCode::OK, "{link}");
            let kind = text(&response, header::CONTENT_TYPE);
            assert_eq!(kind, "text/html; charset=utf-8", "{link}");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await;
            let page = String::from_utf8(body.unwrap().to_vec()).unwrap();
            for words in [
                "<h1>Convoke runs</h1>",
                "built without the window",
                "<code>make build</code>",
                "<code>web/dist</code>",
                "<code>cargo build --release -p convoke</code>",
                "<a href=\"/api/v1/openapi.json\">REST</a>",
            ] {
                assert!(page.contains(words), "{link}: {words}: {page}");
            }
        }
        for nothing in ["/icon.svg", "/api/v2"] {
            let response = ask(&[], nothing, &[]);
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{nothing}");
        }
    }

    #[tokio::test]
    async fn files_come_in_the_best_coding_that_is_accepted() {
        let path = "/assets/app-1a2b.js";
        for (accepted, coding, tag, bytes) in [
            ("gzip, deflate, br, zstd", "br", "\"b\"", "br"),
            ("BR", "br", "\"b\"", "br"),
            ("gzip", "gzip", "\"g\"", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip", "\"g\"", "gzip"),
            ("br; q=0.000 , gzip ; q=0", "", "\"a\"", "plain"),
            ("zstd", "", "\"a\"", "plain"),
            ("", "", "\"a\"", "plain"),
        ] {
            let response = get(path, &[(header::ACCEPT_ENCODING, accepted)]);
            let of = |name| text(&response, name);
            assert_eq!(of(header::CONTENT_ENCODING), coding, "{accepted}");
            assert_eq!(of(header::ETAG), tag, "{accepted}");
            assert_eq!(of(header::VARY), "Accept-Encoding", "{accepted}");
            let kind = of(header::CONTENT_TYPE);
            assert_eq!(kind, "text/javascript; charset=utf-8", "{accepted}");
            let body = axum::body::to_bytes(response.into_body(), 100).await;
            assert_eq!(body.unwrap(), bytes, "{accepted}");
        }
        let plain = get(path, &[]);
        assert_eq!(text(&plain, header::CONTENT_ENCODING), "");
        assert_eq!(text(&plain, header::VARY), "Accept-Encoding");
    }

    #[test]
    fn files_whose_names_say_their_content_are_kept_and_others_asked_for_again() {
        let path = "/assets/app-1a2b.js";
        let kept = text(&get(path, &[]), header::CACHE_CONTROL).to_owned();
        assert!(kept.contains("immutable"), "{kept}");
        let known = get("/", &[(header::IF_NONE_MATCH, "\"i\"")]);
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        // The tag is that of one coding: in another one the file is not what is known.
        for (tag, status) in [
            ("\"b\"", StatusCode::NOT_MODIFIED),
            ("\"g\"", StatusCode::OK),
            ("\"a\"", StatusCode::OK),
        ] {
            let asked = [
                (header::ACCEPT_ENCODING, "br"),
                (header::IF_NONE_MATCH, tag),
            ];
            assert_eq!(get(path, &asked).status(), status, "{tag}");
        }
    }
}
