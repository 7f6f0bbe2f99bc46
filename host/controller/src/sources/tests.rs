//! Inputs of all kinds: packed, damaged, growing and shrinking.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

/// Text that does not compress to almost nothing.
fn lines(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("{:08x} line {n}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

/// Reads a file. Returns the text before the end or the damage, and the message of the damage.
fn read(path: &Path) -> (Vec<u8>, Option<String>) {
    let decoder = match open(&Input::File(path.to_owned()), Waiting::Silently) {
        Ok(decoder) => decoder,
        Err(damage) => return (Vec::new(), Some(damage.to_string())),
    };
    let mut chunks = Chunks::new(decoder);
    let (mut text, mut buffer) = (Vec::new(), Vec::new());
    loop {
        match chunks.next(buffer) {
            Ok(Some(chunk)) => {
                text.extend_from_slice(chunk.bytes());
                buffer = chunk.into_buffer();
            }
            Ok(None) => return (text, None),
            Err(error) => return (text, Some(chunks.input().damage(error).to_string())),
        }
    }
}

fn written(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // The name does not show the form.
    let path = folder.path().join("access.log");
    fs::write(&path, content).unwrap();
    (folder, path)
}

#[test]
fn every_form_gives_the_same_text() {
    let text = lines(100_000);
    let (one, two) = text.split_at(777_777);
    let skippable = [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd_frame(&text)].concat();
    let forms = [
        text.clone(),
        [b"\xef\xbb\xbf", &text[..]].concat(),
        gzip(&text),
        [gzip(one), gzip(b""), gzip(two)].concat(),
        [gzip(one), vec![0; 512], gzip(two), vec![0; 1024]].concat(),
        zstd_frame(&text),
        [zstd_frame(one), zstd_frame(two)].concat(),
        skippable,
    ];
    for (number, form) in forms.iter().enumerate() {
        let (_folder, path) = written(form);
        let (read, damage) = read(&path);
        assert_eq!(damage, None, "form {number}");
        assert!(read == text, "form {number}");
    }
}

#[test]
fn short_inputs_are_not_taken_for_packed_ones() {
    for text in [&b""[..], b"P", b"PK", b"\x1f", b"\xef\xbb", b"BZh", b"\0\0\0\0\n"] {
        let (_folder, path) = written(text);
        assert_eq!(read(&path), (text.to_vec(), None));
    }
}

#[test]
fn what_comes_before_damage_is_read_and_the_place_is_told() {
    let text = lines(100_000);
    let packed = gzip(&text);
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x55;
    flipped[packed.len() / 2 + 1] ^= 0x55;
    let frame = zstd_frame(&text);
    let cases = [
        ("gzip", packed[..packed.len() / 2].to_vec()),
        ("gzip", packed[..packed.len() - 3].to_vec()),
        ("gzip", flipped),
        ("gzip", [&packed[..], b"not a member"].concat()),
        ("gzip", [&packed[..], &packed[..9]].concat()),
        ("zstd", frame[..frame.len() / 2].to_vec()),
        ("zstd", [&frame[..], b"not a frame"].concat()),
    ];
    for (number, (codec, form)) in cases.iter().enumerate() {
        let (_folder, path) = written(form);
        let (read, damage) = read(&path);
        let damage = damage.unwrap_or_else(|| panic!("case {number} is no damage"));
        assert!(damage.contains(codec) && damage.contains("byte"), "case {number}: {damage}");
        assert!(read.len() > 100_000 || number == 2, "case {number}: {} bytes", read.len());
        // A flipped bit may show only at the member's checksum, after wrong bytes.
        assert!(text.starts_with(&read) || number == 2, "case {number}");
    }
}

#[test]
fn other_packers_are_named() {
    let (_folder, path) = written(b"\x04\x22\x4d\x18rest");
    let (_, damage) = read(&path);
    assert_eq!(
        damage.unwrap(),
        "compressed with lz4, but only gzip, zstd, bzip2, xz and zip are unpacked; \
         try `lz4 -dc FILE | threatsieve ... -`"
    );
}

#[test]
fn a_file_that_shrinks_or_is_replaced_while_it_is_read_ends_early() {
    let (_folder, path) = written(&lines(200_000));
    let mut chunks = Chunks::new(open(&Input::File(path.clone()), Waiting::Silently).unwrap());
    let first = chunks.next(Vec::new()).unwrap().unwrap();
    assert_eq!(first.first_line, 1);
    OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
    fs::rename(&path, path.with_extension("1")).unwrap();
    fs::write(&path, "new\n").unwrap();
    while chunks.next(Vec::new()).unwrap().is_some() {}
}

#[test]
fn a_pipe_gives_what_it_has_before_it_waits() {
    for pack in [|text: &[u8]| text.to_vec(), gzip, zstd_frame] {
        let (reader, mut writer) = io::pipe().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let raw =
            raw::Raw::new(File::from(std::os::fd::OwnedFd::from(reader)), Waiting::Announced(stop))
                .unwrap();
        writer.write_all(&pack(b"one\ntwo\n")).unwrap();
        let mut chunks = Chunks::new(Decoder::new(raw::Counted::new(raw)).unwrap());
        let chunk = chunks.next(Vec::new()).unwrap().unwrap();
        assert_eq!(chunk.bytes(), b"one\ntwo\n");
        writer.write_all(&pack(b"three")).unwrap();
        drop(writer);
        assert_eq!(chunks.next(Vec::new()).unwrap().unwrap().bytes(), b"three");
        assert!(chunks.next(Vec::new()).unwrap().is_none());
    }
}

#[test]
fn a_waiting_pipe_can_be_told_to_stop() {
    let (reader, _writer) = io::pipe().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let waiting = Waiting::Announced(Arc::clone(&stop));
    let raw = raw::Raw::new(File::from(std::os::fd::OwnedFd::from(reader)), waiting).unwrap();
    let thread = std::thread::spawn(move || {
        let decoder = Decoder::new(raw::Counted::new(raw)).unwrap();
        Chunks::new(decoder).next(Vec::new()).unwrap().is_none()
    });
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(thread.join().unwrap());
}
