//! A server of our own on a free port, its log, and a client that may be as rude as it likes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::run::command;

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Reads what a server sent until it closed the connection.
    pub fn parse(bytes: Vec<u8>) -> Option<Answer> {
        let text = String::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.to_lowercase();
        let body = if head.contains("transfer-encoding: chunked") {
            unchunk(body)?
        } else {
            body.to_owned()
        };
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head, body })
    }

    /// Value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub struct Server {
    child: Child,
    pub address: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub fn start(more: &[&str]) -> Server {
        let args = [&["serve", "--listen", "127.0.0.1:0"][..], more].concat();
        let mut child = command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("stderr");
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        // Somebody must read on, or the server waits.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.expect("UTF-8") + "\n";
                kept.lock().expect("no panic").push_str(&line);
            }
        });
        let mut server = Server {
            child,
            address: String::new(),
            log,
        };
        let first = server.wait_for("serving on http");
        let (_, rest) = first.split_once("://").expect("an address");
        server.address = rest.split(',').next().expect("an address").to_owned();
        server
    }

    /// The server's standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// The last line of the log that holds `what`, as soon as there is one.
    pub fn wait_for(&self, what: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.log();
            if let Some(line) = log.lines().rev().find(|l| l.contains(what)) {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "no `{what}` in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(sent.expect("kill(1)").success());
    }

    /// Its exit code, when it has ended.
    pub fn end(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    pub fn send(&self, method: &str, path: &str, more: &[&str], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in more {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        // A server that refuses a long body may hang up before its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(answer).expect("an answer")
    }

    /// Status, headers in lower case, body.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        more: &[&str],
        body: &[u8],
    ) -> (u16, String, String) {
        let answer = self.send(method, path, more, body);
        (answer.status, answer.head, answer.body)
    }

    pub fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let (status, _, body) = self.ask("POST", path, &[], body);
        (status, body)
    }
}

fn unchunk(body: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = body.as_bytes();
    loop {
        let at = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).ok()?, 16).ok()?;
        if size == 0 {
            return String::from_utf8(out).ok();
        }
        out.extend(rest.get(at + 2..at + 2 + size)?);
        rest = rest.get(at + 2 + size + 2..)?;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept for many requests.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn new(address: &str) -> Client {
        let stream = TcpStream::connect(address).expect("it listens");
        let long = Some(Duration::from_secs(60));
        stream.set_read_timeout(long).expect("a socket");
        Client {
            stream: BufReader::new(stream),
        }
    }

    pub fn post(&mut self, path: &str, more: &[&str], body: &[u8]) -> Answer {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in more {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let bytes = [request.as_bytes(), body].concat();
        self.stream.get_mut().write_all(&bytes).expect("sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let n = self.stream.read_line(&mut head).expect("a head");
            assert!(n > 0, "closed within the head: {head}");
        }
        let head = head.to_lowercase();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        let mut answer = Answer {
            status: status.expect("a status"),
            head,
            body: String::new(),
        };
        let n: usize = answer
            .header("content-length")
            .and_then(|n| n.parse().ok())
            .expect("a length");
        let mut body = vec![0; n];
        self.stream.read_exact(&mut body).expect("a body");
        answer.body = String::from_utf8(body).expect("UTF-8");
        answer
    }
}

/// Numbers that look random and are the same each time (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
