//! Small Syncs of phones that do not wait, at a fixed rate whatever the answers do.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Mutex, task::JoinSet};

use crate::{device::Phone, report};

/// Runs for `time`; gives how long each Sync took, from the moment when it was due.
pub(crate) async fn run(phones: &[Arc<Mutex<Phone>>], rate: u32, time: Duration) -> Vec<Duration> {
    let mut running = JoinSet::new();
    let start = Instant::now();
    let count = (f64::from(rate) * time.as_secs_f64()) as u32;
    for (n, phone) in (0..count).zip(phones.iter().cycle()) {
        let due = start + Duration::from_secs(1) * n / rate;
        tokio::time::sleep_until(due.into()).await;
        let phone = Arc::clone(phone);
        running.spawn(async move {
            let mut phone = phone.lock().await;
            let kind = n as usize % phone.folders.len();
            let kinds = [phone.folders[kind].kind];
            let done = phone.sync(&kinds).await;
            (due.elapsed(), done.err())
        });
    }
    let mut times = Vec::new();
    for (time, wrong) in running.join_all().await {
        wrong.iter().for_each(|why| report::wrong(why));
        times.push(time);
    }
    times
}

/// Prints how long they took.
pub(crate) fn print(times: &mut [Duration], rate: u32) {
    let (middle, most) = (report::percentile(times, 50), report::percentile(times, 99));
    let told = format!("p50 {}, p99 {}", report::ms(middle), report::ms(most));
    let what = format!("  {} small Syncs, {rate} per second", times.len());
    report::figure(&what, &told, "p99 50 ms", most < Duration::from_millis(50));
}
