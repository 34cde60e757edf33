//! What keys do.

use super::*;
use proptest::prelude::*;

#[test]
fn the_worst_comes_first_and_calm_groups_are_one_line() {
    let model = console((120, 40));
    let names = names(&model);
    assert_eq!(names[..3], ["seg-2", "stor4", "stor3"]);
    let calm = console_of(fixture::calm(), (120, 40), "terminal", Glyphs::Unicode, false);
    assert_eq!(
        super::names(&calm),
        ["seg-1", "seg-2", "db-main", "backup", "node lax"].map(|name| name.replace(" lax", ""))
    );
}

#[test]
fn enter_goes_in_and_esc_comes_back() {
    let mut model = console((120, 40));
    keys(&mut model, "2<down>");
    assert_eq!(model.selected(), Some(Id::Slice("slice-b".into())));
    keys(&mut model, "<enter>");
    assert_eq!(model.page, Page::Slice("slice-b".into()));
    keys(&mut model, "<enter>");
    assert_eq!(model.page, Page::Host("stor4".into()));
    keys(&mut model, "<esc><esc>");
    assert_eq!(model.page, Page::List(ListKind::Storage));
    assert_eq!(model.selected(), Some(Id::Slice("slice-b".into())));
    keys(&mut model, "<esc>");
    assert_eq!(model.page, Page::List(ListKind::Fleet));
}

#[test]
fn a_finding_opens_its_object() {
    let mut model = console((120, 40));
    keys(&mut model, "5<enter>");
    assert_eq!(model.page, Page::Slice("slice-b".into()));
    keys(&mut model, "<esc>jj<enter>");
    assert_eq!(model.page, Page::Host("access3".into()));
}

#[test]
fn a_filter_works_while_it_is_typed_and_says_what_it_hides() {
    let mut model = console((120, 40));
    keys(&mut model, "/stor");
    assert!(names(&model).contains(&"stor3".to_owned()));
    assert!(!names(&model).contains(&"db1".to_owned()));
    assert!(text(&model).contains("10 of 14 hidden"), "{}", text(&model));
    keys(&mut model, "<enter>");
    assert!(text(&model).contains("/stor 10 of 14 hidden"));
    keys(&mut model, "/<ctrl-u>lag>10<enter>");
    assert_eq!(names(&model), ["db-main", "db3"]);
    keys(&mut model, "/<ctrl-u>!access state=critical<enter>");
    assert_eq!(names(&model), ["seg-2", "stor4"]);
    keys(&mut model, "/x<esc>");
    assert_eq!(names(&model), ["seg-2", "stor4"], "esc brings the earlier filter back");
    keys(&mut model, "<esc>");
    assert!(names(&model).len() > 5, "esc clears the filter");
    let all = names(&model);
    keys(&mut model, "/laod>2");
    assert!(text(&model).contains("no such field laod; did you mean load?"));
    keys(&mut model, "<enter>");
    assert!(
        text(&model).contains("did you mean load?"),
        "it is said as long as it is in force"
    );
    for name in all {
        assert!(names(&model).contains(&name), "{name} is hidden");
    }
    let mut small = console((80, 24));
    keys(&mut small, "2/load>2<enter>");
    assert!(
        text(&small).contains("no such field load here; there are name"),
        "{}",
        text(&small)
    );
}

#[test]
fn the_selection_follows_its_object_and_stays_on_its_line() {
    let mut model = console((120, 40));
    keys(&mut model, "G");
    let before = model.selected();
    let line = |model: &Model| {
        let list = model.list(ListKind::Fleet);
        list.cursor - list.offset
    };
    let place = line(&model);
    // Long after the last key another host becomes critical and goes to the top.
    model.tick(UnixMs(NOW.0 + 60_000));
    let mut view = fixture::view();
    view.at = UnixMs(NOW.0 + 60_000);
    for name in ["backup1", "new1"] {
        let at = view.fleet.host_index(name).unwrap();
        let mut worse = (*view.hosts[at]).clone();
        worse.severity = Severity::Critical;
        view.hosts[at] = Arc::new(worse);
    }
    update(&mut model, Msg::View(Arc::new(view)));
    assert_eq!(model.selected(), before);
    assert!(line(&model) >= place || model.list(ListKind::Fleet).offset == 0);
}

#[test]
fn rows_keep_their_places_for_a_while_after_a_key_and_while_a_layer_is_open() {
    let mut model = console((120, 40));
    keys(&mut model, "5j");
    let order = names(&model);
    let mut view = fixture::view();
    let mut findings = fixture::findings();
    findings.reverse();
    view.findings = findings.into();
    update(&mut model, Msg::View(Arc::new(view)));
    assert_eq!(names(&model), order, "held after a key");
    let selected = model.selected();
    keys(&mut model, "/");
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 30_000)));
    assert_eq!(names(&model), order, "held while a filter is typed");
    keys(&mut model, "<esc>");
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 60_000)));
    assert_ne!(names(&model), order, "let go afterwards");
    assert_eq!(model.selected(), selected);
}

#[test]
fn until_the_cursor_is_moved_it_stays_with_the_worst() {
    let mut model = console_of(fixture::calm(), (120, 40), "terminal", Glyphs::Unicode, false);
    update(&mut model, Msg::View(Arc::new(fixture::view())));
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 1000)));
    assert_eq!(model.selected(), Some(Id::Segment("seg-2".into())));
}

#[test]
fn a_frozen_picture_stays_while_data_goes_on() {
    let mut model = console((120, 40));
    keys(&mut model, "f");
    let before = names(&model);
    update(&mut model, Msg::View(Arc::new(fixture::calm())));
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 9000)));
    assert_eq!(names(&model), before);
    assert!(text(&model).contains("FROZEN at 03:12:07Z, 9 s ago"));
    keys(&mut model, "f");
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 20_000)));
    assert!(!text(&model).contains("FROZEN"));
    assert_ne!(names(&model), before);
}

#[test]
fn the_palette_completes_jumps_and_remembers() {
    let mut model = console((120, 40));
    keys(&mut model, ":acs5");
    let Some(Layer::Palette(palette)) = model.layers.last() else {
        panic!("no palette");
    };
    assert_eq!(palette.choices[0].line, "access5");
    keys(&mut model, "<enter>");
    assert_eq!(model.page, Page::Host("access5".into()));
    let effects = keys(&mut model, ":recon<tab>access5<enter>");
    assert_eq!(effects, [Effect::Ask(Request::Reconnect("access5".into()))]);
    assert_eq!(keys(&mut model, ":reload<enter>"), [Effect::Ask(Request::Reload)]);
    assert_eq!(
        keys(&mut model, ":<up><up><enter>"),
        [Effect::Ask(Request::Reconnect("access5".into()))]
    );
    keys(&mut model, ":theme li<enter>");
    assert_eq!(model.look.theme.name, "light");
    assert_eq!(
        keys(&mut model, ":theme nowhere<enter>"),
        [Effect::LoadTheme("nowhere".to_owned())]
    );
    assert_eq!(keys(&mut model, ":quit<enter>"), [Effect::Quit]);
    keys(&mut model, ":zzzzz<enter>");
    assert!(text(&model).contains("nothing is called 'zzzzz'"));
}

#[test]
fn space_polls_what_is_selected() {
    let mut model = console((120, 40));
    let hosts: Vec<Effect> = ["stor3", "stor4"]
        .map(|name| Effect::Ask(Request::PollNow(Some(HostName::new(name)))))
        .into();
    assert_eq!(keys(&mut model, "<space>"), hosts);
    assert_eq!(keys(&mut model, "j<space>"), [hosts[1].clone()]);
    assert_eq!(keys(&mut model, "<ctrl-r>"), [Effect::Ask(Request::PollNow(None))]);
}

#[test]
fn keys_that_ask_the_world_do_so() {
    let mut model = console((120, 40));
    assert_eq!(keys(&mut model, "q"), [Effect::Quit]);
    assert_eq!(keys(&mut model, "<ctrl-z>"), [Effect::Suspend]);
    assert_eq!(keys(&mut model, "<ctrl-s>"), [Effect::Dump]);
    assert_eq!(keys(&mut model, "<ctrl-l>"), [Effect::Redraw]);
    assert_eq!(keys(&mut model, "M"), [Effect::Mouse(true)]);
    keys(&mut model, "6jjj");
    assert_eq!(
        keys(&mut model, "y"),
        [Effect::Copy("exec sh -s -- pointsman 1".to_owned())]
    );
}

#[test]
fn help_names_every_key_and_can_be_searched() {
    let mut model = console((120, 160));
    keys(&mut model, "?");
    let help = text(&model);
    for binding in KEYMAP {
        assert!(help.contains(&binding.keys.join(" ")), "{:?}", binding.keys);
    }
    keys(&mut model, "/clipboard");
    let found = text(&model);
    assert!(found.contains("OSC 52") && !found.contains("Poll every host"));
    keys(&mut model, "<esc><esc>");
    assert!(model.layers.is_empty());
}

#[test]
fn problems_are_found_by_n() {
    let mut model = console((120, 40));
    keys(&mut model, "z");
    let mut seen = Vec::new();
    for _ in 0..4 {
        keys(&mut model, "n");
        seen.extend(model.selected());
    }
    assert_eq!(seen[0], Id::Host("stor4".into()));
    assert_eq!(seen[1], Id::Host("stor3".into()));
    keys(&mut model, "N");
    assert_eq!(model.selected(), Some(seen[2].clone()));
}

#[test]
fn folding_keeps_the_cursor_with_the_group() {
    let mut model = console((120, 40));
    keys(&mut model, "jh");
    assert_eq!(model.selected(), Some(Id::Segment("seg-2".into())));
    assert!(!names(&model).contains(&"stor4".to_owned()));
    keys(&mut model, "l");
    assert!(names(&model).contains(&"stor4".to_owned()));
}

#[test]
fn sorting_is_shown_and_undone() {
    let mut model = console((120, 40));
    keys(&mut model, ":sort lag<enter>");
    assert_eq!(names(&model)[..2], ["db-main", "db3"]);
    assert!(text(&model).contains("↓lag"));
    keys(&mut model, "5s");
    assert_eq!(names(&model)[0], "DiskSlow", "youngest first");
}

#[test]
fn a_wall_turns_unless_something_is_critical_and_takes_no_command() {
    let mut wall = console_of(fixture::view(), (160, 50), "dark", Glyphs::Unicode, true);
    assert!(wall.mode.is_read_only());
    update(&mut wall, Msg::Tick(UnixMs(NOW.0 + 60_000)));
    assert_eq!(wall.page, Page::List(ListKind::Fleet));
    assert!(keys(&mut wall, ":q<enter>").contains(&Effect::Quit), "q itself works");
    assert!(wall.layers.is_empty());
    let mut calm = console_of(fixture::calm(), (160, 50), "dark", Glyphs::Unicode, true);
    update(&mut calm, Msg::Tick(UnixMs(NOW.0 + 13_000)));
    assert_eq!(calm.page, Page::List(ListKind::Storage));
    update(&mut calm, Msg::Tick(UnixMs(NOW.0 + 26_000)));
    assert_eq!(calm.page, Page::List(ListKind::Database));
    update(&mut calm, Msg::Tick(UnixMs(NOW.0 + 39_000)));
    assert_eq!(
        calm.page,
        Page::List(ListKind::Fleet),
        "no findings: that page is passed over"
    );
}

#[test]
fn a_host_that_left_the_inventory_leaves_a_sentence() {
    let mut model = console((120, 40));
    keys(&mut model, ":stor4<enter>");
    let mut view = fixture::view();
    let mut fleet = fixture::fleet();
    let hosts = std::mem::take(&mut fleet.hosts);
    fleet = crate::fleet::Fleet::new(
        "grid-west".to_owned(),
        None,
        fleet.poll,
        hosts.into_iter().filter(|host| host.name.as_str() == "db1").collect(),
        Vec::new(),
        Vec::new(),
    );
    view.hosts.retain(|host| host.name.as_str() == "db1");
    view.fleet = Arc::new(fleet);
    update(&mut model, Msg::View(Arc::new(view)));
    assert!(text(&model).contains("no longer in the inventory"));
    keys(&mut model, "123456");
    text(&model);
}

#[test]
fn a_dump_never_overwrites() {
    let directory = tempfile::tempdir().unwrap();
    let dump = super::super::dump::Dump::of(&console((80, 24)));
    let first = dump.write(directory.path()).unwrap();
    let second = dump.write(directory.path()).unwrap();
    assert_ne!(first, second);
    assert!(
        first.ends_with("pointsman-grid-west-20260307T031207Z.txt"),
        "{}",
        first.display()
    );
    let json = std::fs::read_to_string(first.with_extension("json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["at"], "2026-03-07T03:12:07Z");
    assert_eq!(json["hosts"].as_array().unwrap().len(), 14);
    assert_eq!(json["findings"][0]["code"], "SliceUnreplicated");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_keys_and_views_panics(
        steps in proptest::collection::vec(0usize..KEYMAP.len() + 40, 1..60),
        columns in 0u16..220,
        rows in 0u16..70,
    ) {
        let mut model = console((columns, rows));
        for (at, step) in steps.into_iter().enumerate() {
            match KEYMAP.get(step) {
                Some(binding) => {
                    update(&mut model, Msg::Key(key(binding.keys[at % binding.keys.len()])));
                }
                None => match step - KEYMAP.len() {
                    0..4 => { update(&mut model, Msg::View(Arc::new(fixture::calm()))); }
                    4..8 => { update(&mut model, Msg::View(Arc::new(fixture::view()))); }
                    8..12 => { let later = UnixMs(model.now.0 + 3000); update(&mut model, Msg::Tick(later)); }
                    12..16 => { update(&mut model, Msg::Resize(rows, columns)); }
                    other => { keys(&mut model, ["stor", "load>1", "x", "é", "\u{202e}"][other % 5]); }
                },
            }
            draw(&model);
        }
    }
}

#[test]
fn esc_and_a_key_that_arrive_together_are_both_taken() {
    let mut model = console((120, 40));
    keys(&mut model, "?");
    let together = KeyEvent::new(KeyCode::Char('/'), KeyModifiers::ALT);
    update(&mut model, Msg::Key(together));
    assert!(
        matches!(model.layers.as_slice(), [Layer::Filter { .. }]),
        "help closed, filter open"
    );
}

#[test]
fn a_wall_turns_through_a_page_that_is_longer_than_the_screen() {
    let mut wall = console_of(fixture::view(), (120, 30), "dark", Glyphs::Unicode, true);
    let first = text(&wall);
    assert!(first.contains("part 1 of "), "{first}");
    let mut seen = first.clone();
    for turn in 1..8 {
        update(&mut wall, Msg::Tick(UnixMs(NOW.0 + 12_000 * turn)));
        assert_eq!(
            wall.page,
            Page::List(ListKind::Fleet),
            "critical: only the fleet is shown"
        );
        let shown = text(&wall);
        assert!(shown.contains("slice-b has no replica"), "what is critical stays");
        seen.push_str(&shown);
    }
    for row in names(&wall) {
        assert!(seen.contains(&row), "{row} was never shown");
    }
}
