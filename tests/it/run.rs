//! Starts the binary in the repository's root, as the README does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

pub fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaobao"));
    command.current_dir(root()).args(args);
    command
}

pub fn xiaobao<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Ran {
    ran(command(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts"))
}

/// As `xiaobao`, with bytes on standard input.
pub fn xiaobao_fed<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &[u8]) -> Ran {
    use std::io::Write;
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // The program may stop reading early; that is what some tests are about.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the binary ends");
    feeder.join().expect("the feeder ends");
    ran(output)
}

pub fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().expect("inside")).expect("the test's folder is writable");
    std::fs::write(&path, bytes).expect("the test's folder is writable");
    path
}

pub fn read(path: impl AsRef<Path>) -> String {
    String::from_utf8(
        std::fs::read(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display())),
    )
    .expect("the file is UTF-8")
}

/// The rows of a CSV file as maps, by header.
pub fn csv_rows(path: impl AsRef<Path>) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).expect("the file opens");
    reader
        .deserialize()
        .map(|row| row.expect("the row parses"))
        .collect()
}

pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("not JSON: {e}"))
}
