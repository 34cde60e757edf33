//! What the console costs with a large and busy fleet: the demo's thirty hosts, with all that is wrong among
//! them, 167 times over, on a screen of 200×60. Time of one frame in each view, of taking a new view of the
//! fleet, and from a key to the finished frame.
//!
//! `cargo bench --bench frame`
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark, not a library")]

use crossterm::event::{KeyCode, KeyEvent};
use pointsman::{
    collect::{Clock, Collector, FleetView, HostView, Sources},
    console::{
        glyphs::Glyphs,
        model::{Look, Model},
        theme::{Depth, Theme},
        update::{Msg, update},
        view,
    },
    fleet::{Fleet, Host, HostName, Segment, SegmentName, Slice, SliceName, Topology, TopologyName},
    mode::Mode,
    remote::{LocalRemote, log::LogBook},
    simulate::Simulation,
    verdict::{Finding, SubjectKind},
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Copies of the demo fleet: 5,010 hosts.
const COPIES: usize = 167;
/// Frames measured of each kind.
const FRAMES: usize = 300;
/// The views, by the key that opens them.
const VIEWS: [(char, &str); 6] = [
    ('1', "fleet"),
    ('2', "storage"),
    ('3', "database"),
    ('4', "host"),
    ('5', "findings"),
    ('6', "log"),
];

/// A name in one of the copies.
fn name(copy: usize, name: &str) -> String {
    format!("c{copy:03}-{name}")
}

fn host_name(copy: usize, host: &HostName) -> HostName {
    HostName::new(&name(copy, host.as_str()))
}

fn host(copy: usize, host: &Host) -> Host {
    let mut host = host.clone();
    host.name = host_name(copy, &host.name);
    for mount in &mut host.mounts {
        mount.slice = SliceName::new(&name(copy, mount.slice.as_str()));
    }
    host
}

fn slice(copy: usize, slice: &Slice) -> Slice {
    let mut slice = slice.clone();
    slice.name = SliceName::new(&name(copy, slice.name.as_str()));
    slice.preferred = host_name(copy, &slice.preferred);
    slice.standby = slice.standby.as_ref().map(|host| host_name(copy, host));
    if let Some(backup) = &mut slice.backup {
        backup.on = host_name(copy, &backup.on);
    }
    slice
}

fn segment(copy: usize, segment: &Segment) -> Segment {
    Segment {
        name: SegmentName::new(&name(copy, segment.name.as_str())),
        servers: segment.servers.iter().map(|host| host_name(copy, host)).collect(),
        slices: segment.slices.iter().map(|one| slice(copy, one)).collect(),
        pools: segment.pools.clone(),
    }
}

fn topology(copy: usize, topology: &Topology) -> Topology {
    Topology {
        name: TopologyName::new(&name(copy, topology.name.as_str())),
        kind: topology.kind,
        members: topology.members.iter().map(|host| host_name(copy, host)).collect(),
        preferred_source: topology.preferred_source.as_ref().map(|host| host_name(copy, host)),
        entrance: None,
        backup: None,
    }
}

fn finding(copy: usize, finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    if finding.subject.host.is_none() || finding.subject.kind == SubjectKind::Host {
        finding.subject.name = name(copy, &finding.subject.name).into();
    }
    finding.subject.host = finding.subject.host.as_ref().map(|host| host_name(copy, host));
    finding.hosts = finding.hosts.iter().map(|host| host_name(copy, host)).collect();
    finding
}

fn many<T>(items: &[T], copy: impl Fn(usize, &T) -> T) -> Vec<T> {
    (0..COPIES)
        .flat_map(|number| items.iter().map(move |item| (number, item)))
        .map(|(number, item)| copy(number, item))
        .collect()
}

fn large_fleet(fleet: &Fleet) -> Fleet {
    Fleet::new(
        "bench".to_owned(),
        None,
        fleet.poll,
        many(&fleet.hosts, host),
        many(&fleet.segments, segment),
        many(&fleet.topologies, topology),
    )
}

fn large_view(fleet: &Arc<Fleet>, view: &FleetView) -> Arc<FleetView> {
    let copy = |number, host: &Arc<HostView>| {
        Arc::new(HostView {
            name: host_name(number, &host.name),
            ..(**host).clone()
        })
    };
    let mut findings = many(&view.findings, finding);
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)));
    Arc::new(FleetView {
        fleet: Arc::clone(fleet),
        hosts: many(&view.hosts, copy),
        findings: findings.into(),
        ..view.clone()
    })
}

/// Four views of the demo, a second apart, from the time when its troubles have begun.
fn demo() -> (Arc<Fleet>, Vec<FleetView>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _context = runtime.enter();
    let now = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let simulation = Simulation::demo(7, now);
    let fleet = Arc::new(simulation.fleet().clone());
    let log = LogBook::default();
    let collector = Collector::start(Sources {
        fleet: Arc::clone(&fleet),
        ssh: simulation.remote(log.clone()),
        local: Arc::new(LocalRemote),
        log,
        clock: Clock::system(),
        reload: None,
        single_look: false,
    });
    std::thread::sleep(Duration::from_secs(20));
    let views = (0..4).map(|_| {
        std::thread::sleep(Duration::from_secs(1));
        (**collector.view.borrow()).clone()
    });
    (fleet, views.collect())
}

/// The console on a screen of 200×60.
struct Screen {
    model: Model,
    buffer: Buffer,
}

impl Screen {
    fn press(&mut self, code: KeyCode) {
        update(&mut self.model, Msg::Key(KeyEvent::from(code)));
    }

    fn draw(&mut self) {
        self.buffer.reset();
        view::draw(&self.model, &mut self.buffer);
    }

    /// From a key to the finished frame.
    fn paint(&mut self, code: KeyCode) -> Duration {
        let begun = Instant::now();
        self.press(code);
        self.draw();
        begun.elapsed()
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "{what:<36} p50 {:6.2} ms   p99 {:6.2} ms   max {:6.2} ms",
        at(50),
        at(99),
        at(100)
    );
}

/// Presses keys in turn, each a few hundred times altogether.
fn keys(screen: &mut Screen, what: &str, codes: &[KeyCode]) {
    let mut times: Vec<Duration> = codes
        .iter()
        .cycle()
        .take(FRAMES.next_multiple_of(codes.len()))
        .map(|code| screen.paint(*code))
        .collect();
    report(&format!("key to frame, {what}"), &mut times);
}

fn main() {
    let (fleet, views) = demo();
    let fleet = Arc::new(large_fleet(&fleet));
    let views: Vec<_> = views.iter().map(|view| large_view(&fleet, view)).collect();
    let look = Look {
        theme: Theme::built_in("terminal", Depth::True).unwrap(),
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
    };
    let mode = Mode::new(true, false);
    let mut screen = Screen {
        model: Model::new(views[0].clone(), views[0].at, (200, 60), look, mode, false),
        buffer: Buffer::empty(Rect::new(0, 0, 200, 60)),
    };
    println!(
        "{} hosts, {} slices, {} findings at 200x60",
        fleet.hosts.len(),
        fleet.segments.iter().map(|segment| segment.slices.len()).sum::<usize>(),
        views[0].findings.len()
    );
    let mut takes = Vec::new();
    for (key, name) in VIEWS {
        screen.press(KeyCode::Char(key));
        let mut draws = Vec::new();
        for frame in 0..FRAMES {
            let begun = Instant::now();
            update(&mut screen.model, Msg::View(views[frame % views.len()].clone()));
            takes.push(begun.elapsed());
            let begun = Instant::now();
            screen.draw();
            draws.push(begun.elapsed());
        }
        report(&format!("draw one frame, {name}"), &mut draws);
    }
    report("take a new view", &mut takes);
    screen.press(KeyCode::Char('1'));
    keys(&mut screen, "move the cursor", &[KeyCode::Down]);
    keys(
        &mut screen,
        "switch the view",
        &VIEWS.map(|(key, _)| KeyCode::Char(key)),
    );
    screen.press(KeyCode::Char('1'));
    keys(&mut screen, "into a host and back", &[KeyCode::Enter, KeyCode::Esc]);
    keys(&mut screen, "help and back", &[KeyCode::Char('?'), KeyCode::Esc]);
    let typed: Vec<KeyCode> = "/c166-stor".chars().map(KeyCode::Char).collect();
    let typed = [&typed[..], &[KeyCode::Enter, KeyCode::Esc]].concat();
    keys(&mut screen, "type a filter", &typed);
}
