//! What a phone holds here while it waits. It is a matter of sizes, which the compiler knows.

use std::mem::{size_of, size_of_val};

use super::*;

#[tokio::test]
async fn what_waits_is_small() {
    let place = Place::new(|_| {}).await;
    let another = || Request {
        method: String::new(),
        path: String::new(),
        query: Vec::new(),
        headers: Headers::default(),
        remote: None,
        body: Body::empty(),
        hangup: Hangup::new().1,
        may_wait: true,
    };
    let arriving = size_of_val(&place.desk.arrive(Box::new(another())));
    assert!(arriving <= 3072, "{arriving} bytes");
    // Ten thousand phones wait in these; what comes before a command takes more than ten times as much, and must not be part of them.
    let waiting = size_of_val(&place.desk.handle(another())) + size_of::<Begun>();
    assert!(waiting <= 1100, "{waiting} bytes");
}

#[tokio::test]
async fn commands_that_wait_are_small() {
    let place = Place::new(|_| {}).await;
    let sizes = Ask::command("FolderSync", "14.1", b"sizes").send(&place).await.body;
    let sizes: Vec<usize> = serde_json::from_slice(&sizes).unwrap();
    assert!(sizes.len() == 2 && sizes.iter().all(|size| *size <= 1536), "{sizes:?} bytes");
}
