//! The directory of compiled code.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use threatsieve_runner::{CacheError, CodeCache, Runner, RunnerError, RunnerOptions};

use crate::common::{Loaded, blacklist, hosts};

/// A folder of one test, removed after it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("threatsieve-cache-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn cache(&self) -> PathBuf {
        self.0.join("code")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(path: &Path, blacklist: &Loaded) -> Result<Runner, RunnerError> {
    let code_cache = CodeCache::Directory(path.to_owned());
    let runner = Runner::new(RunnerOptions { code_cache, ..RunnerOptions::default() })?;
    runner.load(blacklist.clone())?;
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits.len(), 1);
    Ok(runner)
}

fn files(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn refusal(path: &Path, blacklist: &Loaded) -> CacheError {
    match load(path, blacklist) {
        Err(RunnerError::Cache { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_load_takes_the_first_ones_code() {
    let (folder, list) = (Folder::new(), blacklist("twice", 1, &["evil.com"]));
    load(&folder.cache(), &list).unwrap();
    assert_eq!(fs::metadata(folder.cache()).unwrap().mode() & 0o7777, 0o700);
    let [file] = &files(&folder.cache())[..] else { panic!("one file") };
    let first = fs::metadata(file).unwrap();
    assert_eq!(first.mode() & 0o7777, 0o600);
    load(&folder.cache(), &list).unwrap();
    assert_eq!(files(&folder.cache()).len(), 1);
    assert_eq!(fs::metadata(file).unwrap().ino(), first.ino(), "the file was written again");
    // Other code: another blacklist, another configuration.
    load(&folder.cache(), &blacklist("twice", 2, &["evil.com"])).unwrap();
    let options = RunnerOptions {
        signal_traps: false,
        code_cache: CodeCache::Directory(folder.cache()),
        ..RunnerOptions::default()
    };
    Runner::new(options).unwrap().load(list).unwrap();
    assert_eq!(files(&folder.cache()).len(), 3);
}

#[test]
fn damaged_and_foreign_files_are_compiled_anew() {
    let (folder, list) = (Folder::new(), blacklist("damaged", 1, &["evil.com"]));
    load(&folder.cache(), &list).unwrap();
    let file = files(&folder.cache()).remove(0);
    let good = fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    load(&folder.cache(), &blacklist("damaged", 2, &["evil.com"])).unwrap();
    let other = files(&folder.cache()).into_iter().find(|other| *other != file).unwrap();
    let other = fs::read(other).unwrap();
    for bad in [&flipped[..], &good[..good.len() - 1], &good[..10], b"", &other] {
        fs::write(&file, bad).unwrap();
        load(&folder.cache(), &list).unwrap();
        assert_eq!(fs::read(&file).unwrap(), good, "compiled anew, and the same");
    }
    // Writable by others, or under a second name, or no file at all.
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    load(&folder.cache(), &list).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let elsewhere = folder.0.join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    load(&folder.cache(), &list).unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
}

#[test]
fn a_directory_that_is_not_private_is_refused() {
    let (folder, list) = (Folder::new(), blacklist("private", 1, &["evil.com"]));
    let path = folder.cache();
    for mode in [0o755, 0o770, 0o707, 0o701, 0o500] {
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = refusal(&path, &list);
        assert!(matches!(error, CacheError::Mode { got } if got == mode), "{error:?}");
        assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
        fs::remove_dir(&path).unwrap();
    }
    let real = folder.0.join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o700)).unwrap();
    symlink(&real, &path).unwrap();
    assert!(matches!(refusal(&path, &list), CacheError::NotADirectory));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    assert!(matches!(refusal(&path, &list), CacheError::NotADirectory));
    assert!(matches!(refusal(&folder.0.join("no/parent"), &list), CacheError::Io { step: "mkdir", .. }));
}

/// `/proc` belongs to root, and so does `/` for everybody else.
#[test]
fn a_directory_of_somebody_else_is_refused() {
    let (folder, list) = (Folder::new(), blacklist("owner", 1, &["evil.com"]));
    let path = folder.cache();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let path = match std::os::unix::fs::chown(&path, Some(12345), None) {
        Ok(()) => path,
        // Not root: then root's is somebody else's.
        Err(_) => PathBuf::from("/"),
    };
    let error = refusal(&path, &list);
    assert!(matches!(error, CacheError::Owner { .. }), "{error:?}");
}

#[test]
fn only_the_newest_files_are_kept() {
    let folder = Folder::new();
    for generation in 1..=11 {
        load(&folder.cache(), &blacklist("many", generation, &["evil.com"])).unwrap();
    }
    assert_eq!(files(&folder.cache()).len(), 8);
}
