//! TLS: the certificate that is given, changed without a restart; nothing in the clear.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::keys::add;
use super::server::{Answer, Server};
use crate::run::{root, xiaobao};

/// Asks by TLS, trusting only `certificate`.
fn ask(server: &Server, certificate: &Path, request: &str) -> Result<Answer, std::io::Error> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(certificate).expect("PEM");
    roots.add(certificate).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(&server.address)?);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // Who closes without a farewell has still answered.
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(answer).ok_or_else(|| std::io::Error::other("no answer"))
}

#[test]
fn it_speaks_tls_and_takes_a_new_certificate_at_sighup() {
    let fixtures = root().join("tests/fixtures/tls");
    let dir = tempfile::tempdir().expect("a folder");
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let put = |name: &str| {
        for (part, to) in [("cert", &cert), ("key", &key)] {
            std::fs::copy(fixtures.join(format!("{name}.{part}.pem")), to).expect("copied");
        }
    };
    put("one");
    let file = dir.path().join("keys.toml");
    let secret = add(&file, "desk", "explain");
    let [cert_name, key_name, keys] = [&cert, &key, &file].map(|p| p.to_str().expect("UTF-8"));
    let server = Server::start(&[
        "--tls-cert",
        cert_name,
        "--tls-key",
        key_name,
        "--keys",
        keys,
    ]);
    let get = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let [one, two] = ["one", "two"].map(|n| fixtures.join(format!("{n}.cert.pem")));
    assert_eq!(ask(&server, &one, get).expect("an answer").status, 200);
    assert!(ask(&server, &two, get).is_err());
    let body = format!("key={secret}");
    let login = format!(
        "POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(&server, &one, &login).expect("an answer");
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("; secure"), "{cookie}");
    // In the clear there is no answer of HTTP.
    let mut plain = TcpStream::connect(&server.address).expect("it listens");
    plain.write_all(get.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    put("two");
    server.signal("-HUP");
    server.wait_for("reloaded: certificate");
    assert_eq!(ask(&server, &two, get).expect("an answer").status, 200);
    assert!(ask(&server, &one, get).is_err());
    // A pair that does not fit changes nothing.
    std::fs::copy(fixtures.join("one.key.pem"), &key).expect("copied");
    server.signal("-HUP");
    server.wait_for("certificate not reloaded");
    assert_eq!(ask(&server, &two, get).expect("an answer").status, 200);
    let ran = xiaobao(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        cert_name,
        "--tls-key",
        key_name,
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("does not go with"), "{}", ran.stderr);
    let ran = xiaobao(&["serve", "--tls-cert", cert_name]);
    assert_eq!(ran.code, 2);
}
