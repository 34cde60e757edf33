//! What the screen says beside the things themselves: counts, marks, notes, and what is over.

use super::*;

#[test]
fn past_the_last_problem_comes_the_first_again() {
    let mut model = console((120, 40));
    keys(&mut model, "gj");
    let first = model.selected();
    let mut count = 0;
    loop {
        keys(&mut model, "n");
        count += 1;
        if model.selected() == Some(Id::Segment("seg-2".into())) {
            break;
        }
        assert!(count < 30, "it never came round");
    }
    assert!(text(&model).contains("on from the top"));
    keys(&mut model, "N");
    assert!(text(&model).contains("on from the end"));
    assert_ne!(model.selected(), first);
    let mut calm = console_of(fixture::calm(), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut calm, "n");
    assert!(text(&calm).contains("there is no problem on this page"));
}

#[test]
fn what_is_wrong_off_the_screen_is_marked() {
    for (size, below) in [((120, 24), true), ((80, 16), false)] {
        let mut model = console(size);
        keys(&mut model, "z:sort name<enter>g");
        let shown = text(&model);
        assert!(shown.contains("↓ below: "), "{shown}");
        assert!(!shown.contains("↑ above: "), "{shown}");
        let line = shown.lines().find(|line| line.contains("below")).unwrap();
        assert_eq!(line.starts_with('─'), below, "{shown}");
        keys(&mut model, "G");
        let shown = text(&model);
        assert!(shown.contains("↑ above: "), "{shown}");
        assert!(!shown.contains("↓ below: "), "{shown}");
    }
}

#[test]
fn the_header_says_what_it_counts() {
    for (size, wanted) in [
        ((160, 50), "9 findings ✖3 ?2 ▲2 ◆2   14 hosts"),
        ((120, 40), "9 findings ✖3 ?2 ▲2 ◆2   14 hosts"),
        ((80, 24), "  14 hosts ✖2 ?4 ▲1 ◆2 ●5"),
        ((40, 12), "  ✖2 ?4"),
    ] {
        let shown = text(&console(size));
        assert!(shown.lines().next().unwrap().contains(wanted), "{shown}");
    }
}

#[test]
fn every_page_says_how_many_findings_are_not_pinned() {
    for (size, page, wanted) in [
        ((120, 40), "2", "6 more findings: key 5"),
        ((80, 24), "2", "6 more: key 5"),
        ((40, 12), "1", "+5"),
    ] {
        let mut model = console(size);
        keys(&mut model, page);
        assert!(text(&model).contains(wanted), "{wanted}: {}", text(&model));
    }
}

#[test]
fn a_doubtful_latency_moves_no_row() {
    for size in [(120, 40), (80, 16)] {
        let calm = screen::areas(&console(size));
        let mut view = fixture::view();
        view.observer.doubtful = true;
        let model = console_of(view, size, "terminal", Glyphs::Unicode, false);
        assert_eq!(screen::areas(&model), calm);
        assert!(text(&model).contains("latency"), "{}", text(&model));
    }
}

#[test]
fn help_begins_with_the_signs() {
    let mut model = console((80, 24));
    keys(&mut model, "?");
    let shown = text(&model);
    assert!(
        shown.find("✖ critical").unwrap() < shown.find("filter").unwrap_or(usize::MAX),
        "{shown}"
    );
    keys(&mut model, "/redundancy");
    assert!(text(&model).contains("▲ warning"));
}

#[test]
fn a_cleared_finding_stays_on_screen_below_the_open_ones() {
    let mut model = console((120, 40));
    keys(&mut model, "5");
    assert!(!text(&model).contains("cleared"));
    let mut later = fixture::view();
    later.at = UnixMs(NOW.0 + 2000);
    let mut findings = fixture::findings();
    findings.retain(|finding| finding.code.name() != "DiskSlow");
    later.findings = findings.into();
    update(&mut model, Msg::View(Arc::new(later)));
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 5000)));
    assert_eq!(names(&model).last().unwrap(), "cleared 0");
    let line = text(&model)
        .lines()
        .find(|line| line.contains("cleared"))
        .unwrap()
        .to_owned();
    for word in ["stor3 vda", "DiskSlow", "until 03:12:09: vda writes", "03:11:27", "42s"] {
        assert!(line.contains(word), "{word} not in {line}");
    }
    keys(&mut model, "G");
    assert!(
        text(&model).contains("○ cleared 3 s ago: was warning DiskSlow"),
        "{}",
        text(&model)
    );
    assert!(
        matches!(keys(&mut model, "y").as_slice(), [Effect::Copy(text)] if text.contains("cleared 2026-03-07T03:12:09Z"))
    );
    keys(&mut model, "/state=cleared<enter>");
    assert_eq!(names(&model), ["cleared 0"]);
    keys(&mut model, "<enter>");
    assert_eq!(model.page, Page::Host("stor3".into()), "it opens its object");
    keys(&mut model, "<esc><esc>a");
    assert!(!names(&model).contains(&"cleared 0".to_owned()));
    assert!(text(&model).contains("EVIDENCE  1 more: a"), "{}", text(&model));
}

#[test]
fn a_frozen_picture_shows_no_later_end_of_a_finding() {
    let mut model = console((120, 40));
    keys(&mut model, "5f");
    let before = names(&model);
    let mut calm = fixture::calm();
    calm.at = UnixMs(NOW.0 + 2000);
    update(&mut model, Msg::View(Arc::new(calm)));
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 9000)));
    assert_eq!(names(&model), before);
    keys(&mut model, "f");
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 20_000)));
    assert!(names(&model).iter().all(|name| name.starts_with("cleared")));
    assert_eq!(names(&model).len(), fixture::findings().len());
}

#[test]
fn the_log_counts_the_repeats_of_the_poll_loop_until_all_is_asked_for() {
    let mut model = console((120, 40));
    let mut log = fixture::log();
    let probe = |seq, seconds, exit| crate::remote::log::LogEntry {
        seq,
        at: ago(seconds),
        level: if exit == 0 {
            crate::remote::log::Level::Info
        } else {
            crate::remote::log::Level::Warning
        },
        host: Some(HostName::new("backup1")),
        text: "show load".into(),
        exit: Some(exit),
        took: None,
    };
    log.extend([
        probe(5, 4, 0),
        probe(6, 3, 0),
        probe(7, 2, 0),
        probe(8, 1, 1),
        probe(9, 0, 0),
    ]);
    update(&mut model, Msg::Log(log));
    keys(&mut model, "6");
    assert_eq!(
        names(&model)[..4],
        ["9", "8", "5", "4"],
        "what failed is listed, and what came after it is news"
    );
    assert!(
        text(&model).contains("×3 until 03:12:05  show load"),
        "{}",
        text(&model)
    );
    assert!(text(&model).contains("WHAT  2 more: a"));
    keys(&mut model, "a");
    assert_eq!(names(&model).len(), 10);
}

#[test]
fn the_note_of_a_reload_gives_way_to_its_outcome() {
    let mut model = console((120, 40));
    keys(&mut model, ":reload<enter>");
    assert!(text(&model).contains("reading the inventory again"));
    let mut broken = fixture::view();
    broken.fleet = model.live.fleet.clone();
    broken.reload_error = Some("line 3: no".into());
    update(&mut model, Msg::View(Arc::new(broken)));
    assert!(text(&model).contains("line 3: no"));
    assert!(
        !text(&model).contains("reading the inventory again"),
        "{}",
        text(&model)
    );
    keys(&mut model, ":reload<enter>");
    update(&mut model, Msg::View(Arc::new(fixture::view())));
    assert!(
        text(&model).contains("inventory read again: 14 hosts"),
        "{}",
        text(&model)
    );
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 7000)));
    assert!(!text(&model).contains("inventory read again"));
}

#[test]
fn the_reason_of_a_row_is_there_at_every_width() {
    let mut view = fixture::view();
    let mut findings = fixture::findings();
    let mut full = findings[0].clone();
    full.code = crate::verdict::Code::DiskFull;
    full.severity = Severity::Warning;
    full.subject = crate::verdict::Subject::on(crate::verdict::SubjectKind::Filesystem, &HostName::new("db1"), "/");
    full.evidence = "92 % full".into();
    findings.push(full);
    view.findings = findings.into();
    for columns in [80, 90, 94, 120, 200] {
        let mut model = console_of(view.clone(), (columns, 50), "terminal", Glyphs::Unicode, false);
        keys(&mut model, "z");
        let shown = text(&model);
        let row = |host: &str| {
            shown
                .lines()
                .find(|line| line.trim_start().starts_with(host))
                .unwrap()
                .to_owned()
        };
        assert!(row("stor2 ").contains("md0 rebuild"), "{columns}: {shown}");
        assert!(row("stor4 ").contains("✖ StandAlone"), "{columns}: {shown}");
        assert!(row("stor1 ").contains("SyncTarget 62 %"), "{columns}: {shown}");
        assert!(row("db1 ").contains("▲ DiskFull: 92 % full"), "{columns}: {shown}");
    }
}

#[test]
fn a_wall_names_no_key() {
    let mut wall = console_of(fixture::view(), (200, 60), "terminal", Glyphs::Unicode, true);
    let mut better = fixture::view();
    better.findings = fixture::findings().split_off(5).into();
    update(&mut wall, Msg::View(Arc::new(better)));
    let mut pages = Vec::new();
    for turn in 1..8 {
        let shown = text(&wall);
        assert!(!shown.contains("more: a") && !shown.contains("(l lists)"), "{shown}");
        pages.extend(wall.kind());
        update(&mut wall, Msg::Tick(UnixMs(NOW.0 + 13_000 * turn)));
    }
    assert!(
        pages.contains(&ListKind::Findings) && pages.contains(&ListKind::Fleet),
        "{pages:?}"
    );
    assert!(
        wall.list(ListKind::Findings).index.folded > 0,
        "there was something to name a key for"
    );
}

#[test]
fn a_mount_that_is_merely_waited_for_is_not_said_to_hang() {
    let shown = |waited: u64| {
        let mut view = fixture::view();
        let seen = view
            .hosts
            .iter_mut()
            .find(|seen| seen.name.as_str() == "access3")
            .unwrap();
        let seen = Arc::make_mut(seen);
        let snapshot = Arc::make_mut(seen.snapshot.as_mut().unwrap());
        let mut probes = snapshot.statfs.value().unwrap().clone();
        for probe in &mut probes {
            if let crate::facts::filesystem::StatfsOutcome::Hung { seconds } = &mut probe.outcome {
                *seconds = waited;
            }
        }
        snapshot.statfs = crate::facts::Reading::known(probes, snapshot.at);
        let fleet = text(&console_of(view.clone(), (200, 60), "terminal", Glyphs::Unicode, false));
        let mut model = console_of(view, (200, 60), "terminal", Glyphs::Unicode, false);
        keys(&mut model, ":access3<enter>");
        (fleet, text(&model))
    };
    let (fleet, host) = shown(1);
    assert!(!fleet.contains("hung for"), "{fleet}");
    assert!(host.contains("no answer yet, 1 s waited"), "{host}");
    let (fleet, host) = shown(5);
    assert!(fleet.contains("/mnt/slice-b hung for 5 s"), "{fleet}");
    assert!(host.contains("hung for 5 s"), "{host}");
}
