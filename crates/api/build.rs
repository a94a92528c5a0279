//! Embeds the window's built files (`web/dist`), when they are there, as a table of path, content type and bytes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where the window's build leaves its files, seen from this crate.
const DIST: &str = "../../web/dist";

fn main() -> io::Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join(DIST);
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("pub(crate) static FILES: &[File] = &[\n");
    for file in files {
        let Ok(name) = file.strip_prefix(&dist) else {
            continue;
        };
        let name = name.to_string_lossy().replace('\\', "/");
        let path = file.canonicalize()?;
        let written = writeln!(
            table,
            "    File {{ path: {:?}, content_type: {:?}, bytes: include_bytes!({:?}) }},",
            format!("/{name}"),
            content_type(&name),
            path.to_string_lossy(),
        );
        written.map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("window.rs");
    fs::write(out, table)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "ogg" => "audio/ogg",
        _ => "application/octet-stream",
    }
}
