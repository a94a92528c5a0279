//! Embeds the window's built files (`web/dist`), when they are there, as a table of path, content type, coding, tag and bytes.
//! Where the build left `x.br` or `x.gz` beside `x`, these are the same file in another coding.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    for file in &files {
        let Ok(name) = file.strip_prefix(&dist) else {
            continue;
        };
        let name = name.to_string_lossy().replace('\\', "/");
        let path = file.canonicalize()?;
        let (plain, coding) = plain_and_coding(&name, &files);
        // The same for the same content, whoever builds it.
        let mut hasher = DefaultHasher::new();
        fs::read(&path)?.hash(&mut hasher);
        let written = writeln!(
            table,
            "    File {{ path: {:?}, content_type: {:?}, coding: {coding:?}, tag: {:?}, bytes: include_bytes!({:?}) }},",
            format!("/{plain}"),
            content_type(plain),
            format!("\"{:016x}\"", hasher.finish()),
            path.to_string_lossy(),
        );
        written.map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("window.rs");
    fs::write(out, table)
}

/// Of `x.br` and `x.gz`, where there is an `x`: that, and the coding.
fn plain_and_coding<'a>(name: &'a str, files: &[PathBuf]) -> (&'a str, &'static str) {
    for (ending, coding) in [(".br", "br"), (".gz", "gzip")] {
        if let Some(plain) = name.strip_suffix(ending)
            && files.iter().any(|file| file.ends_with(plain))
        {
            return (plain, coding);
        }
    }
    (name, "identity")
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
