//! The stand-in as the load generator sees it: a process, two addresses, commands.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};

use super::{App, Change, Size};

/// What the stand-in was asked so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) calls: u64,
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Requests of each second since the last question.
    pub(crate) seconds: Vec<u64>,
}

impl Counts {
    /// What was asked since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let kinds = self.kinds.iter().map(|(kind, n)| (kind.clone(), n - before.kinds.get(kind).unwrap_or(&0)));
        Self {
            requests: self.requests - before.requests,
            calls: self.calls - before.calls,
            kinds: kinds.filter(|(_, n)| *n > 0).collect(),
            seconds: self.seconds.clone(),
        }
    }

    /// The kinds, the most frequent first.
    pub(crate) fn by_kind(&self) -> String {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        kinds.iter().take(6).map(|(kind, n)| format!("{n} {kind}")).collect::<Vec<_>>().join(", ")
    }
}

/// A running stand-in; ends with this value, or with this program.
#[derive(Debug)]
pub(crate) struct StandIn {
    process: Child,
    _life: ChildStdin,
    /// Where `rpc.php` is.
    pub(crate) rpc: SocketAddr,
    control: Mutex<BufReader<TcpStream>>,
}

impl StandIn {
    /// Starts one: this program once more.
    pub(crate) fn start(size: Size) -> Self {
        let arguments = [size.users as u128, size.items as u128, size.delay.as_millis()].map(|n| n.to_string());
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("--stand-in")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let life = process.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Vec<SocketAddr> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [rpc, control] = addresses.try_into().expect("the stand-in tells two addresses");
        let control = TcpStream::connect(control).unwrap();
        control.set_nodelay(true).unwrap();
        Self { process, _life: life, rpc, control: Mutex::new(BufReader::new(control)) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn tell(&self, command: &Value) -> Value {
        let mut control = self.control.lock().unwrap();
        control.get_mut().write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut line = String::new();
        control.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Changes something of a user; it has happened when this returns.
    pub(crate) fn change(&self, user: usize, app: App, change: Change, title: &str) {
        let what = match change {
            Change::Add => "add",
            Change::Modify => "modify",
            Change::Delete => "delete",
        };
        let answer = self.tell(&json!({ "do": what, "user": user, "app": app.api(), "title": title }));
        assert!(answer["uid"].is_string(), "{what} of user {user} in {}: {answer}", app.api());
    }

    pub(crate) fn counts(&self) -> Counts {
        let answer = self.tell(&json!({ "do": "counters" }));
        let number = |value: &Value| value.as_u64().unwrap();
        Counts {
            requests: number(&answer["requests"]),
            calls: number(&answer["calls"]),
            kinds: answer["kinds"].as_object().unwrap().iter().map(|(kind, n)| (kind.clone(), number(n))).collect(),
            seconds: answer["seconds"].as_array().unwrap().iter().map(number).collect(),
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
