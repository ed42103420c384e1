use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    working: 0,
    queue: 0,
    queue_time: 0,
    user_working: 0,
    device_working: 0,
    user_open: 0,
    user_rate: 0,
    device_rate: 600,
    repeats: 20,
    max_pause: 900,
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn sender(now: Instant) -> Sender {
    Sender::new(600, now)
}

/// Sends requests `gap` apart for `time`; gives how many were let in and how many refused.
fn send(sender: &mut Sender, now: &mut Instant, gap: Duration, time: Duration) -> (u32, u32) {
    let (end, mut seen) = (*now + time, (0, 0));
    while *now < end {
        match sender.arrive(600, &LIMITS, *now) {
            Ok(()) => seen.0 += 1,
            Err(_) => seen.1 += 1,
        }
        *now += gap;
    }
    seen
}

#[test]
fn phones_that_pair_are_let_in() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    // Twenty a second for half a minute, then what a quick desktop program does for an hour.
    assert_eq!(send(&mut sender, &mut now, Duration::from_millis(50), seconds(30)).1, 0);
    assert_eq!(send(&mut sender, &mut now, Duration::from_millis(125), seconds(3600)).1, 0);
    assert!(!sender.is_in_trouble(&LIMITS, now));
}

#[test]
fn a_flood_is_held_back_more_and_more_and_forgotten() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    let gap = Duration::from_millis(10);
    let (let_in, _) = send(&mut sender, &mut now, gap, seconds(60));
    assert!((600..1000).contains(&let_in), "{let_in}");
    assert!(sender.is_in_trouble(&LIMITS, now));
    let (first_hour, _) = send(&mut sender, &mut now, gap, seconds(3600));
    assert!(first_hour < 6000, "{first_hour} of 360000");
    let (third, _) = (send(&mut sender, &mut now, gap, seconds(3600)), send(&mut sender, &mut now, gap, seconds(3600)));
    assert!(third.0 < 5000, "{third:?}");
    // In the longest pause some are refused; then all is as at first.
    now += seconds(900) + FORGET;
    assert_eq!(sender.arrive(600, &LIMITS, now), Ok(()));
    assert!(!sender.is_in_trouble(&LIMITS, now));
    assert!(sender.is_over(&LIMITS, now));
    assert!(!sender.is_over(&LIMITS, now), "said once");
}

#[test]
fn a_flood_is_told_once_and_the_pause_is_kept() {
    let now = Instant::now();
    let mut sender = sender(now);
    for _ in 0..600 {
        assert_eq!(sender.arrive(600, &LIMITS, now), Ok(()));
    }
    let trouble = Some(Trouble { kind: Kind::Flood, count: 600 });
    assert_eq!(sender.arrive(600, &LIMITS, now), Err(Pause { left: FLOOD_PAUSE, trouble }));
    let later = now + seconds(10);
    assert_eq!(sender.arrive(600, &LIMITS, later), Err(Pause { left: seconds(20), trouble: None }));
    assert_eq!(sender.arrive(600, &LIMITS, now + FLOOD_PAUSE), Ok(()), "who keeps the pause goes on");
}

#[test]
fn zero_switches_off() {
    let now = Instant::now();
    let mut sender = sender(now);
    let off = Limits { repeats: 0, ..LIMITS };
    for _ in 0..100_000 {
        assert_eq!(sender.arrive(0, &off, now), Ok(()));
        assert_eq!(sender.failed(1, Kind::Wrong(500), &off, now), None);
        assert_eq!(sender.pause(1, &off, now), Duration::ZERO);
    }
    assert!(!sender.is_in_trouble(&off, now));
}

#[test]
fn the_same_failing_request_is_slowed_down_told_once_and_forgiven_when_it_works() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    let mut told = Vec::new();
    let mut pauses = Vec::new();
    for _ in 0..32 {
        told.extend(sender.failed(7, Kind::Wrong(500), &LIMITS, now));
        let pause = sender.pause(7, &LIMITS, now);
        pauses.push(pause.as_secs());
        assert_eq!(sender.pause(8, &LIMITS, now), Duration::ZERO, "another request");
        now += pause + Duration::from_millis(200);
        assert_eq!(sender.pause(7, &LIMITS, now), Duration::ZERO, "after the pause it may try");
    }
    assert_eq!(told, [Trouble { kind: Kind::Wrong(500), count: 20 }]);
    assert_eq!(pauses[..19], [0; 19]);
    assert_eq!(pauses[19..], [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900]);
    assert!(sender.is_in_trouble(&LIMITS, now) && !sender.is_over(&LIMITS, now));
    sender.worked(7);
    assert!(!sender.is_in_trouble(&LIMITS, now) && sender.is_over(&LIMITS, now));
    assert_eq!(sender.failed(7, Kind::Wrong(500), &LIMITS, now), None);
    assert_eq!(sender.pause(7, &LIMITS, now), Duration::ZERO, "it begins anew");
}

#[test]
fn what_happens_seldom_is_no_loop() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    for _ in 0..1000 {
        assert_eq!(sender.failed(7, Kind::Wrong(12), &LIMITS, now), None);
        now += FORGET;
    }
}

#[test]
fn a_loop_is_seen_between_requests_that_work() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    let mut told = 0;
    for round in 0..40_u64 {
        told += sender.failed(7, Kind::Wrong(500), &LIMITS, now).iter().count();
        // Each ordinary Sync is another request.
        for other in 0..20 {
            sender.failed(1000 + round * 20 + other, Kind::Stuck, &LIMITS, now);
        }
        now += seconds(60);
    }
    assert_eq!(told, 1);
}

/// Sixteen folders, all begun anew again and again: more than are watched.
#[test]
fn a_round_of_many_folders_is_seen() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    let print = |folder: u64| folder.wrapping_mul(0x1234_5678_9abc_def1);
    for _ in 0..200 {
        for folder in 0..16 {
            sender.failed(print(folder), Kind::Anew, &LIMITS, now);
            now += seconds(1);
        }
    }
    assert!(sender.is_in_trouble(&LIMITS, now));
    assert!((0..16).any(|folder| !sender.pause(print(folder), &LIMITS, now).is_zero()));
}

#[test]
fn ordinary_syncs_are_no_loop() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    for print in 0..100_000 {
        assert_eq!(sender.failed(print, Kind::Stuck, &LIMITS, now), None);
        now += Duration::from_millis(500);
    }
    assert!(!sender.is_in_trouble(&LIMITS, now));
}

#[test]
fn a_device_that_fails_in_many_ways_does_not_fill_the_log() {
    let mut now = Instant::now();
    let mut sender = sender(now);
    let mut told = 0;
    for print in 0..1000 {
        for _ in 0..30 {
            told += sender.failed(print, Kind::Wrong(400), &LIMITS, now).iter().count();
        }
        sender.worked(print);
        sender.is_over(&LIMITS, now);
        now += seconds(1);
    }
    assert_eq!(told, 2, "one in ten minutes");
}

#[test]
fn provisioning_that_succeeds_is_forgiven() {
    let now = Instant::now();
    let mut sender = sender(now);
    for _ in 0..20 {
        sender.failed(1, Kind::Provision(142), &LIMITS, now);
        sender.failed(2, Kind::Wrong(500), &LIMITS, now);
    }
    assert!(!sender.pause(1, &LIMITS, now).is_zero());
    sender.passed();
    assert!(sender.pause(1, &LIMITS, now).is_zero());
    assert!(!sender.pause(2, &LIMITS, now).is_zero());
}

#[derive(Debug, Clone)]
enum Step {
    Arrive,
    Fail(u64),
    Work(u64),
    Pass,
    Later(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Arrive),
        (0..8_u64).prop_map(Step::Fail),
        (0..8_u64).prop_map(Step::Fail),
        (0..8_u64).prop_map(Step::Work),
        Just(Step::Pass),
        (0..2000_u64).prop_map(Step::Later),
    ]
}

proptest! {
    /// Whatever comes in whatever order: no pause is longer than the longest, what worked is not refused, who keeps quiet for long enough is as
    /// new, and what is kept is bounded.
    #[test]
    fn pauses_are_bounded_and_end(
        steps in proptest::collection::vec(step(), 0..300),
        rate in 0..5_u32,
        repeats in 0..6_u16,
        max_pause in 0..1000_u64,
    ) {
        let limits = Limits { device_rate: rate, repeats, max_pause, ..LIMITS };
        let mut now = Instant::now();
        let mut sender = Sender::new(rate, now);
        for step in steps {
            match step {
                Step::Arrive => {
                    if let Err(pause) = sender.arrive(rate, &limits, now) {
                        prop_assert!(rate > 0 && pause.left <= seconds(max_pause));
                    }
                }
                Step::Fail(print) => {
                    let told = sender.failed(print, Kind::Wrong(500), &limits, now);
                    prop_assert!(told.is_none_or(|t| t.count >= repeats.into() && repeats > 0));
                    prop_assert!(sender.pause(print, &limits, now) <= seconds(max_pause));
                }
                Step::Work(print) => {
                    sender.worked(print);
                    prop_assert_eq!(sender.pause(print, &limits, now), Duration::ZERO);
                }
                Step::Pass => sender.passed(),
                Step::Later(time) => now += Duration::from_millis(time * 100),
            }
            prop_assert!(sender.repeated.len() <= WATCHED);
        }
        now += seconds(max_pause) + FORGET;
        prop_assert_eq!(sender.arrive(rate, &limits, now), Ok(()));
        prop_assert!((0..8).all(|print| sender.pause(print, &limits, now).is_zero()));
        prop_assert!(!sender.is_in_trouble(&limits, now));
    }
}
