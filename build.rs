//! Embeds `static/`: walks the folder, takes one digest over every name and byte, compresses what is worth
//! compressing, and writes the table that `foundation::web::assets` includes.
//!
//! `css/main.css` is shipped as one sheet: its `@import "x.css" layer(y);` lines are replaced by the files they
//! name, because a chain of imports costs the first page a round trip each.
//!
//! One digest over all files, rather than one per file, lets style sheets and modules name each other by
//! relative addresses: the whole tree moves at once, so no page ever mixes two releases.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

/// Below this size the gzip header eats what compression gains.
const WORTH_COMPRESSING: usize = 256;

const MAIN_SHEET: &str = "css/main.css";

fn main() {
    let root = PathBuf::from(var("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(var("OUT_DIR"));
    let folder = root.join("static");
    println!("cargo:rerun-if-changed=static");
    // The program embeds them, and the macro that does cannot see a new folder by itself.
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=build.rs");

    tell_when();

    let mut files = Vec::new();
    walk(&folder, &mut files);
    files.sort();

    let mut digest = Sha256::new();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&folder)
            .expect("a file below static/")
            .to_str()
            .expect("asset names are UTF-8")
            .replace('\\', "/");
        let bytes = match name.as_str() {
            MAIN_SHEET => bundle(file).into_bytes(),
            part if part.starts_with("css/") => continue,
            _ => fs::read(file).expect("an asset can be read"),
        };
        for part in [name.as_bytes(), &bytes] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        writeln!(table, "    {},", row(&out, &name, &bytes)).expect("writing to a string");
    }
    table.push(']');

    let digest = hex::encode(&digest.finalize()[..8]);
    fs::write(out.join("assets.rs"), table).expect("the build folder can be written");
    println!("cargo:rustc-env=SIGNALBOX_ASSET_DIGEST={digest}");
}

/// When this program was built, in seconds since 1970; what `SOURCE_DATE_EPOCH` says instead, so that a build can be
/// repeated to the byte.
fn tell_when() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.expect("a clock after 1970").as_secs().to_string()
    };
    let seconds = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| now());
    println!("cargo:rustc-env=SIGNALBOX_BUILT_AT={seconds}");
}

/// Writes one asset's bytes, plain and packed, where `include_bytes!` finds them, and the Rust that does.
fn row(out: &Path, name: &str, bytes: &[u8]) -> String {
    let flat = name.replace('/', "-");
    let plain = out.join(format!("asset-{flat}"));
    fs::write(&plain, bytes).expect("the build folder can be written");
    let gzip = compress(bytes).map_or_else(
        || "None".to_owned(),
        |packed| {
            let path = out.join(format!("asset-{flat}.gz"));
            fs::write(&path, packed).expect("the build folder can be written");
            format!("Some(include_bytes!({}))", literal(&path))
        },
    );
    format!(
        "Asset {{ name: {name:?}, content_type: {:?}, bytes: include_bytes!({}), gzip: {gzip} }}",
        content_type(name),
        literal(&plain),
    )
}

fn literal(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("the build folder is UTF-8"))
}

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("static/ can be read") {
        let path = entry.expect("static/ can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// One sheet out of many: each layered import becomes a layer block with the file's text.
fn bundle(main: &Path) -> String {
    let folder = main.parent().expect("a file has a folder");
    let text = fs::read_to_string(main).expect("the main sheet can be read");
    let mut sheet = String::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("@import \"") else {
            writeln!(sheet, "{line}").expect("writing to a string");
            continue;
        };
        let (name, layer) = rest
            .strip_suffix(");")
            .and_then(|rest| rest.split_once("\" layer("))
            .unwrap_or_else(|| panic!("main.css: cannot read {line:?}"));
        let part = fs::read_to_string(folder.join(name))
            .unwrap_or_else(|error| panic!("static/css/{name}: {error}"));
        writeln!(sheet, "@layer {layer} {{\n{part}}}").expect("writing to a string");
    }
    sheet
}

/// The gzip form, without a timestamp so that builds are reproducible; nothing where it would not be smaller.
fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory");
    let packed = encoder.finish().expect("writing to memory");
    (packed.len() < bytes.len()).then_some(packed)
}

/// The types we ship. An unknown ending fails the build, so that nothing is ever served as a guess.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => panic!("static/{name}: say in build.rs which content type this is"),
    }
}
