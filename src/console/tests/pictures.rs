//! How every page looks: text, styles, and what must hold of every picture.

use super::*;

/// Text, then a map of styles with its legend: a change of colour is a change of the picture.
pub(super) fn picture(model: &Model) -> String {
    let buffer = draw(model);
    let mut letters: HashMap<Style, char> = HashMap::new();
    let mut legend = Vec::new();
    let mut map = Vec::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        for x in buffer.area.left()..buffer.area.right() {
            let cell = buffer.cell((x, y)).unwrap();
            let style = Style {
                fg: Some(cell.fg),
                bg: Some(cell.bg),
                underline_color: None,
                add_modifier: cell.modifier,
                sub_modifier: Modifier::empty(),
            };
            let next = char::from(b'a' + u8::try_from(letters.len().min(25)).unwrap());
            let plain = cell.fg == Color::Reset && cell.bg == Color::Reset && cell.modifier.is_empty();
            let letter = if plain {
                '.'
            } else {
                *letters.entry(style).or_insert_with(|| {
                    legend.push(format!("{next} {} on {} {:?}", cell.fg, cell.bg, cell.modifier));
                    next
                })
            };
            line.push(letter);
        }
        map.push(line.trim_end_matches('.').to_owned());
    }
    let text = super::super::dump::lines(&buffer).join("\n");
    format!("{text}\n\n{}\n\n{}\n", map.join("\n"), legend.join("\n"))
}

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (40, 12), (200, 60)];

/// Keys that lead to each page.
const PAGES: [(&str, &str); 11] = [
    ("fleet", "1"),
    ("storage", "2"),
    ("slice", ":slice-b<enter>"),
    ("database", "3"),
    ("host", ":stor2<enter>"),
    ("findings", "5"),
    ("log", "6"),
    ("help", "?"),
    ("runbooks", "7"),
    ("runbook", "7<enter>"),
    ("latency", "9"),
];

#[test]
fn pages_look_as_agreed() {
    for (name, path) in PAGES {
        for size in [(80, 24), (120, 40)] {
            let mut model = console(size);
            keys(&mut model, path);
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture(&model));
        }
    }
}

#[test]
fn small_and_large_screens_look_as_agreed() {
    for (name, path) in [
        ("fleet", "1"),
        ("storage", "2"),
        ("host", ":backup1<enter>"),
        ("findings", "5"),
    ] {
        for size in [(40, 12), (200, 60)] {
            let mut model = console(size);
            keys(&mut model, path);
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture(&model));
        }
    }
}

#[test]
fn cleared_findings_and_a_doubtful_latency_look_as_agreed() {
    for size in [(80, 24), (120, 40), (40, 12)] {
        let mut model = console(size);
        let mut later = fixture::view();
        later.at = UnixMs(NOW.0 + 2000);
        later.findings = fixture::findings().split_off(5).into();
        later.observer.doubtful = true;
        update(&mut model, Msg::View(Arc::new(later)));
        update(&mut model, Msg::Tick(UnixMs(NOW.0 + 4000)));
        keys(&mut model, "5G");
        insta::assert_snapshot!(format!("cleared_{}x{}", size.0, size.1), picture(&model));
    }
}

#[test]
fn a_host_fills_both_columns() {
    for (host, size) in [("stor2", (160, 50)), ("access1", (160, 50)), ("access1", (240, 40))] {
        let mut model = console(size);
        keys(&mut model, &format!(":{host}<enter>"));
        insta::assert_snapshot!(format!("host_{host}_{}x{}", size.0, size.1), picture(&model));
        let shown = text(&model);
        assert!(!shown.contains('…'), "a figure is cut: {shown}");
    }
}

#[test]
fn every_theme_looks_as_agreed() {
    for (theme, _) in BUILT_IN {
        let model = console_of(fixture::view(), (80, 24), theme, Glyphs::Unicode, false);
        insta::assert_snapshot!(format!("theme_{theme}"), picture(&model));
    }
    let ascii = console_of(fixture::view(), (80, 24), "mono", Glyphs::Ascii, false);
    insta::assert_snapshot!("theme_mono_ascii", picture(&ascii));
}

#[test]
fn walls_look_as_agreed() {
    for (name, view) in [("critical", fixture::view()), ("calm", fixture::calm())] {
        for size in [(80, 24), (120, 40), (200, 60), (240, 70), (320, 90), (60, 18)] {
            let wall = console_of(view.clone(), size, "terminal", Glyphs::Unicode, true);
            insta::assert_snapshot!(format!("wall_{name}_{}x{}", size.0, size.1), picture(&wall));
        }
    }
    let mut silent = console_of(fixture::calm(), (120, 40), "terminal", Glyphs::Unicode, true);
    update(&mut silent, Msg::Tick(UnixMs(NOW.0 + 33_000)));
    assert!(text(&silent).contains("no data for 34 s"));
    insta::assert_snapshot!("wall_no_data", picture(&silent));
}

#[test]
fn ascii_pictures_hold_nothing_else() {
    for (_, path) in PAGES {
        for size in SIZES {
            let mut model = console_of(fixture::view(), size, "mono", Glyphs::Ascii, false);
            keys(&mut model, path);
            let buffer = draw(&model);
            assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
        }
    }
}

#[test]
fn mono_has_no_colour() {
    for (_, path) in PAGES {
        let mut model = console_of(fixture::view(), (120, 40), "mono", Glyphs::Unicode, false);
        keys(&mut model, path);
        for cell in &draw(&model).content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
    }
}

#[test]
fn the_selected_row_is_reversed_whatever_the_page() {
    for path in ["1", "2", "3", "5", "6"] {
        let mut model = console((120, 40));
        keys(&mut model, path);
        let body = screen::areas(&model).body;
        let buffer = draw(&model);
        let cell = buffer.cell((body.x + 4, body.y + 1)).unwrap();
        assert!(cell.modifier.contains(Modifier::REVERSED), "{path}");
    }
}

#[test]
fn nothing_hostile_reaches_a_cell() {
    for path in [":backup1<enter>", "6", "6<enter>", "/evil", ":evil", "5"] {
        for size in SIZES {
            let mut view = fixture::view();
            let mut findings = fixture::findings();
            findings[0].evidence = HOSTILE.into();
            findings[0].subject.name = HOSTILE.into();
            view.findings = findings.into();
            view.reload_error = Some(HOSTILE.into());
            let mut model = console_of(view, size, "terminal", Glyphs::Unicode, false);
            update(&mut model, Msg::Log(fixture::log()));
            keys(&mut model, path);
            update(&mut model, Msg::Paste(HOSTILE.to_owned()));
            for cell in &draw(&model).content {
                for c in cell.symbol().chars() {
                    let bidi = matches!(c as u32, 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff);
                    assert!(!c.is_control() && !bidi, "{:x} on {path}", c as u32);
                }
            }
        }
    }
}

#[test]
fn every_size_is_drawn() {
    for columns in 38..=62 {
        for rows in 10..=20 {
            for (_, path) in PAGES {
                let mut model = console((columns, rows));
                keys(&mut model, path);
                let shown = text(&model);
                if columns < 40 || rows < 12 {
                    assert!(shown.contains(&format!("have {columns}x{rows}, need 40x12")));
                }
            }
            draw(&console_of(
                fixture::view(),
                (columns, rows),
                "mono",
                Glyphs::Ascii,
                true,
            ));
        }
    }
    for size in [(0, 0), (1, 1), (39, 100), (300, 12), (500, 200)] {
        draw(&console(size));
    }
    assert_eq!(keys(&mut console((10, 3)), "q"), [Effect::Quit]);
}

#[test]
fn an_old_picture_looks_old() {
    let mut model = console((120, 40));
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 33_000)));
    let shown = text(&model);
    assert!(shown.contains("NO DATA FOR 34 s"), "{shown}");
    let body = screen::areas(&model).body;
    let stale = model.look.theme.style(super::super::theme::Role::Stale);
    let cell = draw(&model).cell((body.x + 3, body.y + 3)).unwrap().clone();
    assert_eq!(Some(cell.fg), stale.fg);
}

#[test]
fn what_is_unknown_says_why() {
    let mut model = console((120, 60));
    keys(&mut model, ":stor1<enter>");
    assert!(text(&model).contains("? clients not permitted: reading /proc/fs/nfsd/clients needs root"));
    keys(&mut model, ":backup1<enter>");
    assert!(text(&model).contains("? needs a second sample"));
    assert!(text(&model).contains("ZFS 40 s old"));
    keys(&mut model, ":new1<enter>");
    assert!(text(&model).contains("nothing has been read from this host yet"));
}

#[test]
fn a_starved_console_doubts_itself() {
    let mut view = fixture::view();
    view.observer.doubtful = true;
    let model = console_of(view, (120, 40), "terminal", Glyphs::Unicode, false);
    assert!(text(&model).contains("latency doubtful"));
}

#[test]
fn read_only_is_said() {
    let mut model = console((120, 40));
    assert!(!text(&model).contains("READ-ONLY"));
    model.mode = Mode::ReadOnly;
    assert!(text(&model).contains("READ-ONLY"));
}

#[test]
fn since_is_shown_with_the_date_when_it_was_not_today() {
    assert_eq!(super::super::text::since(ago(60), NOW), "03:11:07");
    assert_eq!(super::super::text::since(ago(86_400), NOW), "2026-03-06 03:12");
}
