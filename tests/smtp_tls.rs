//! Mail servers with TLS. Not part of `cargo test`: needs python3 (the server) and openssl (the certificate).

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use horde_eas::smtp::{Error, Login, Mail, Rule, Sent, Settings, Tls, send};

/// Where the server is, for the process that trusts its certificate.
const VARIABLE: &str = "SMTP_TLS_TEST_URLS";

const SERVER: &str = r#"
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
def talk(s, wrapped):
    try:
        if wrapped: s = context.wrap_socket(s, server_side=True)
        secure, data, f = wrapped, False, s.makefile('rb')
        s.sendall(b'220 x\r\n')
        for line in f:
            line = line.strip().upper()
            if data:
                if line == b'.':
                    data = False
                    s.sendall(b'250 taken\r\n')
            elif line.startswith(b'EHLO'):
                s.sendall(b'250-x\r\n250 AUTH PLAIN\r\n' if secure else b'250-x\r\n250 STARTTLS\r\n')
            elif line == b'STARTTLS':
                s.sendall(b'220 go on\r\n')
                s = context.wrap_socket(s, server_side=True)
                secure, f = True, s.makefile('rb')
                # The for loop above holds the old file: go on with the new one.
                return after(s, f)
            else:
                data = reply(s, line)
    except (OSError, ssl.SSLError):
        pass
def reply(s, line):
    data = line == b'DATA'
    s.sendall(b'354 go on\r\n' if data else b'235 ok\r\n' if line.startswith(b'AUTH') else b'250 ok\r\n')
    return data
def after(s, f):
    data = False
    for line in f:
        line = line.strip().upper()
        if data:
            if line == b'.':
                data = False
                s.sendall(b'250 taken\r\n')
        elif line.startswith(b'EHLO'):
            s.sendall(b'250-x\r\n250 AUTH PLAIN\r\n')
        else:
            data = reply(s, line)
def serve(listener, wrapped):
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0], wrapped), daemon=True).start()
plain, tls = socket.create_server(('127.0.0.1', 0)), socket.create_server(('127.0.0.1', 0))
print('smtp://localhost:%d smtps://localhost:%d' % (plain.getsockname()[1], tls.getsockname()[1]), flush=True)
threading.Thread(target=serve, args=(plain, False), daemon=True).start()
serve(tls, True)
"#;

fn certificate(dir: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-addext", "extendedKeyUsage=serverAuth", "-keyout", "key.pem", "-out", "cert.pem"]);
    assert!(openssl.current_dir(dir).stderr(Stdio::null()).status().unwrap().success());
}

fn server(dir: &Path) -> (Child, Vec<String>) {
    let mut python = Command::new("python3")
        .args(["-c", SERVER, "cert.pem", "key.pem"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut urls = String::new();
    BufReader::new(python.stdout.take().unwrap()).read_line(&mut urls).unwrap();
    (python, urls.split_whitespace().map(str::to_owned).collect())
}

async fn attempt(url: &str) -> Result<Sent, Error> {
    let settings = Settings { url: url.to_owned(), tls: Tls::Starttls, timeout: 10, ..Settings::default() };
    let message = b"Subject: x\r\n\r\nx\r\n".to_vec().into();
    let mail = Mail { from: "a@x.test".into(), to: vec!["b@x.test".into()], message, rule: Rule::Each };
    send(&settings, &Login { user: "a".into(), password: "secret".into() }, &mail).await
}

/// What holds where the server's certificate is trusted.
async fn trusting(urls: &str) {
    for url in urls.split(' ') {
        assert_eq!(attempt(url).await, Ok(Sent::default()), "{url}");
        // The same server under a name that its certificate has not got.
        let result = attempt(&url.replace("localhost", "127.0.0.1")).await;
        assert!(matches!(&result, Err(Error::Later(words)) if words.contains("certificate")), "{url}: {result:?}");
    }
}

/// The store of certificates is read once in a process: the test runs itself in a second one that trusts the server.
#[tokio::test]
async fn only_a_certificate_that_is_trusted_and_has_the_name_is_good() {
    if let Ok(urls) = std::env::var(VARIABLE) {
        return trusting(&urls).await;
    }
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path());
    let (mut python, urls) = server(dir.path());
    for url in &urls {
        let result = attempt(url).await;
        assert!(matches!(&result, Err(Error::Later(words)) if words.contains("certificate")), "{url}: {result:?}");
    }
    let trusted = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "only_a_certificate_that_is_trusted_and_has_the_name_is_good"])
        .env("SSL_CERT_FILE", dir.path().join("cert.pem"))
        .env(VARIABLE, urls.join(" "))
        .output()
        .unwrap();
    python.kill().unwrap();
    python.wait().unwrap();
    let said = String::from_utf8_lossy(&trusted.stdout);
    assert!(
        trusted.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&trusted.stderr)
    );
}
