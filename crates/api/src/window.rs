//! The window's files, embedded when the binary was built with them; otherwise `/` says how to get them.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// One embedded file.
pub(crate) struct File {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/window.rs"));

/// Nothing from elsewhere, nothing inline, no framing.
const POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Serves a file of the window; `/` is its page.
pub(crate) async fn serve(uri: Uri) -> Response {
    let path = if uri.path() == "/" {
        "/index.html"
    } else {
        uri.path()
    };
    match FILES.iter().find(|file| file.path == path) {
        Some(file) => (headers(file.content_type), file.bytes).into_response(),
        None if uri.path() == "/" => (headers("text/html; charset=utf-8"), WITHOUT).into_response(),
        None => (StatusCode::NOT_FOUND, "nothing here\n").into_response(),
    }
}

fn headers(content_type: &'static str) -> [(header::HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

const WITHOUT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Convoke</title>
<h1>Convoke runs</h1>
<p>This binary was built without the window. To have it here, build the window first, so that its files are in
<code>web/dist</code>, and then the binary again: <code>cargo build --release -p convoke</code>.</p>
<p>Everything else is there: <code>convoke call bob carol --as alice</code>, any SIP client, and the
<a href=\"/soap/conference?wsdl\">conference web service</a>.</p>
</html>
";
