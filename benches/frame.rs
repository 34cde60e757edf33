//! Frame time of the console: 5,000 hosts on a screen of 200×60, and what a new view costs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark, not a library")]

use pointsman::{
    collect::{FleetView, HostView, Observer, Trend},
    console::{
        glyphs::Glyphs,
        model::{Look, Model},
        theme::{Depth, Theme},
        update::{Msg, update},
        view,
    },
    facts::{Reach, Reading, Snapshot, UnixMs, load::LoadAverage},
    fleet::{Fleet, Host, Poll},
    mode::Mode,
    verdict::Severity,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const HOSTS: usize = 5000;
const FRAMES: u64 = 500;

fn host(at: usize, fleet: &Fleet, now: UnixMs, round: u64) -> Arc<HostView> {
    let mut trend = Trend::default();
    for step in 0..120u16 {
        trend.push(Some(f32::from(step % 7)), Some(1.0), Some(2.0), None, None);
    }
    let bad = (at as u64 + round).is_multiple_of(97);
    Arc::new(HostView {
        name: fleet.hosts[at].name.clone(),
        reach: Reach::Up { since: UnixMs(0) },
        snapshot: Some(Arc::new(Snapshot {
            at: now,
            load: Reading::known(
                LoadAverage {
                    one: at as f64 / 100.0,
                    five: 1.0,
                    fifteen: 1.0,
                    runnable: 1,
                    tasks: 100,
                },
                now,
            ),
            ..Snapshot::default()
        })),
        trend: Arc::new(trend),
        severity: if bad { Severity::Warning } else { Severity::Ok },
        about: "SSH-2.0-OpenSSH_9.2p1".into(),
        complete: true,
        stale_after: Duration::from_secs(6),
    })
}

fn fleet_view(fleet: &Arc<Fleet>, now: UnixMs, round: u64) -> Arc<FleetView> {
    Arc::new(FleetView {
        fleet: fleet.clone(),
        at: now,
        hosts: (0..HOSTS).map(|at| host(at, fleet, now, round)).collect(),
        findings: Arc::from([]),
        observer: Observer::default(),
        reload_error: None,
        version: round,
    })
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "{what:<28} p50 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
        at(50),
        at(99),
        at(100)
    );
}

fn main() {
    let hosts = (0..HOSTS)
        .map(|at| Host::new(&format!("host{at}"), "192.0.2.1"))
        .collect();
    let fleet = Arc::new(Fleet::new(
        "bench".to_owned(),
        None,
        Poll::default(),
        hosts,
        Vec::new(),
        Vec::new(),
    ));
    let start = UnixMs(1_700_000_000_000);
    let look = Look {
        theme: Theme::built_in("terminal", Depth::True).unwrap(),
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
    };
    let views: Vec<_> = (0..4).map(|round| fleet_view(&fleet, start, round)).collect();
    let mode = Mode::new(true, false);
    let mut model = Model::new(views[0].clone(), start, (200, 60), look, mode, false);
    let press = |model: &mut Model, key: char| {
        let code = crossterm::event::KeyCode::Char(key);
        update(model, Msg::Key(crossterm::event::KeyEvent::from(code)));
    };
    press(&mut model, 'z');
    let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 60));
    let (mut draws, mut takes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for frame in 0..FRAMES {
        let view = views[usize::try_from(frame % 4).unwrap()].clone();
        let begun = Instant::now();
        update(&mut model, Msg::View(view));
        takes.push(begun.elapsed());
        let begun = Instant::now();
        press(&mut model, 'j');
        keys.push(begun.elapsed());
        buffer.reset();
        let begun = Instant::now();
        view::draw(&model, &mut buffer);
        draws.push(begun.elapsed());
    }
    println!("{HOSTS} hosts at 200x60, {FRAMES} frames");
    report("draw one frame", &mut draws);
    report("take a new view", &mut takes);
    report("take a key", &mut keys);
}
