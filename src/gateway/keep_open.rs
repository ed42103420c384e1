//! Finds out when the machine at the other end of a TCP connection has vanished without a word.
//!
//! Nothing else may be sent while a phone waits: there is no byte of a WBXML document that means nothing, the status line comes before
//! the answer is known, and web servers do not pass 100 or 102 on. TCP's own probes carry no data and never reach the phone; they also keep the
//! connection known to firewalls between web server and program.

use std::{net::IpAddr, os::fd::AsFd, time::Duration};

use rustix::net::sockopt;

/// Silence after which the kernel asks whether the other side is there, the pause between questions, and how many may stay unanswered.
const PROBES: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// Has all connections that this listener takes probed, unless they come from this machine, whose kernel tells at once.
pub(super) fn probe(listener: impl AsFd, local: Option<IpAddr>) {
    if local.is_some_and(|address| address.to_canonical().is_loopback()) {
        return;
    }
    let (idle, pause, count) = PROBES;
    // Connections inherit it. Where the kernel refuses, a vanished web server is noticed at the end of the wait.
    let _ = sockopt::set_socket_keepalive(&listener, true);
    let _ = sockopt::set_tcp_keepidle(&listener, idle);
    let _ = sockopt::set_tcp_keepintvl(&listener, pause);
    let _ = sockopt::set_tcp_keepcnt(&listener, count);
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn taken(at: &str) -> TcpStream {
        let listener = TcpListener::bind(at).expect("bind");
        let address = listener.local_addr().expect("address");
        probe(&listener, Some(address.ip()));
        let _client = TcpStream::connect(("127.0.0.1", address.port())).expect("connect");
        listener.accept().expect("accept").0
    }

    #[test]
    fn connections_from_elsewhere_are_probed() {
        let far = taken("0.0.0.0:0");
        assert!(sockopt::socket_keepalive(&far).expect("option"));
        assert_eq!(sockopt::tcp_keepidle(&far).expect("option"), PROBES.0);
        assert_eq!(sockopt::tcp_keepintvl(&far).expect("option"), PROBES.1);
        assert_eq!(sockopt::tcp_keepcnt(&far).expect("option"), PROBES.2);
        assert!(!sockopt::socket_keepalive(taken("127.0.0.1:0")).expect("option"));
    }
}
