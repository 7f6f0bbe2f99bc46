//! Runs the built program on files in a folder of its own.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program with these arguments, separated by blanks. It runs in this folder, with a cache
    /// of its own.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_threatsieve"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command.env("XDG_CACHE_HOME", self.0.path().join(".cache")).env_remove("NO_COLOR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &str) -> Done {
        Done::new(self.command(arguments).output().unwrap())
    }

    /// Runs the program with `input` on standard input.
    pub fn run_with(&self, arguments: &str, input: &[u8]) -> Done {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // The program may end before it has read everything.
        let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Done::new(output)
    }

    pub fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdin(Stdio::piped()).spawn().unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    fn new(output: Output) -> Done {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let done =
            Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!done.err.contains("panicked"), "{}", done.err);
        done
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON, one object per line.
    pub fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `line:entry` for every match.
    pub fn matches(&self) -> Vec<String> {
        let of = |event: &Value| {
            let line = event["line"].to_string();
            let entries = event["matches"].as_array().unwrap().iter();
            entries
                .map(|one| format!("{line}:{}", one["entry"]["value"].as_str().unwrap()))
                .collect::<Vec<_>>()
        };
        self.json().iter().flat_map(of).collect()
    }
}

/// A line of Squid's native log.
pub fn squid(url: &str) -> String {
    format!(
        "1787443200.000    142 192.168.7.9 TCP_MISS/200 4512 GET {url} - HIER_DIRECT/198.51.100.7 text/html\n"
    )
}
