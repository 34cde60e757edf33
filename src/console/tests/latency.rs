//! The Latency page, and the marks of a semi-failed host: pictures and keys. What is shown is what the rules say of
//! counters that rise.

use super::{
    super::matrix::{
        Excused, Level, Matrix,
        layout::{Layout, follow},
    },
    fixture::latency::{Fault, view as played},
    pictures::picture,
    plans::planned,
    *,
};
use crate::{
    console::keymap::Action,
    verdict::{
        Code,
        failslow::State,
        latency::{Cell, Column, Excuse, Grid, Op, Row},
    },
};
use proptest::prelude::*;

const SERVER: &[Fault] = &[Fault::Server("stor3")];
const CLIENT: &[Fault] = &[Fault::Client("access2")];
const PATH: &[Fault] = &[Fault::Path("access1", "stor2")];
const STARVED: &[Fault] = &[Fault::Starved("access3"), Fault::Server("stor3")];
const LOST: &[Fault] = &[Fault::Lost("access4")];
const BUSY: &[Fault] = &[Fault::Busy("stor2")];

/// A console on the Latency page.
fn latency(faults: &[Fault], size: (u16, u16)) -> Model {
    let mut model = console_of(played(faults), size, "terminal", Glyphs::Unicode, false);
    keys(&mut model, "9");
    model
}

fn op(model: &Model) -> Op {
    model.matrix.grid.as_ref().unwrap().op
}

/// The cell under the cursor: row and column by name.
fn under_cursor(model: &Model) -> (String, String) {
    let matrix = &model.matrix;
    let grid = matrix.grid.as_ref().unwrap();
    (
        grid.rows[matrix.row].host.to_string(),
        grid.columns[matrix.column].name.to_string(),
    )
}

#[test]
fn the_matrix_looks_as_agreed() {
    for (name, faults, size, path) in [
        ("healthy", &[][..], (120, 40), ""),
        ("server", SERVER, (80, 24), ""),
        ("server", SERVER, (120, 40), ""),
        ("server", SERVER, (200, 60), ""),
        ("server", SERVER, (40, 12), ""),
        ("client", CLIENT, (80, 24), ""),
        ("client", CLIENT, (40, 12), ""),
        ("path", PATH, (80, 24), ""),
        ("path", PATH, (120, 40), ""),
        ("starved", STARVED, (80, 24), ""),
        ("starved", STARVED, (120, 40), ""),
        ("lost", LOST, (80, 24), "jjjj"),
        ("busy", BUSY, (80, 24), ""),
        ("disks", SERVER, (80, 24), "ooo"),
        ("stream", SERVER, (80, 24), "<enter>"),
        ("stream", PATH, (120, 40), "<enter>"),
        ("stream_busy", STARVED, (80, 24), "<pgup>jj<enter>"),
        ("stream", SERVER, (40, 12), "<enter>"),
    ] {
        let mut model = latency(faults, size);
        keys(&mut model, path);
        insta::assert_snapshot!(format!("latency_{name}_{}x{}", size.0, size.1), picture(&model));
    }
}

#[test]
fn a_semi_failed_host_is_marked_on_every_page() {
    for (name, size, path) in [
        ("fleet", (120, 30), "1"),
        ("fleet", (80, 24), "1"),
        ("fleet", (40, 12), "1"),
        ("host", (120, 40), ":stor3<enter>"),
        ("host", (80, 24), ":stor3<enter>"),
        ("findings", (120, 40), "5"),
        ("storage", (120, 30), "2"),
        ("storage", (80, 24), "2"),
        ("storage", (40, 12), "2"),
    ] {
        let mut model = console_of(played(STARVED), size, "terminal", Glyphs::Unicode, false);
        keys(&mut model, path);
        insta::assert_snapshot!(format!("semi_failed_{name}_{}x{}", size.0, size.1), picture(&model));
        assert!(text(&model).contains('◐'), "{name}");
    }
    let mut wall = console_of(played(SERVER), (120, 40), "terminal", Glyphs::Unicode, true);
    insta::assert_snapshot!("semi_failed_wall", picture(&wall));
    assert!(
        text(&wall).contains("◐ stor3 semi-failed: sdc write"),
        "{}",
        text(&wall)
    );
    wall.page = Page::List(ListKind::Storage);
    wall.reorder();
    insta::assert_snapshot!("semi_failed_wall_storage", picture(&wall));
    let shown = text(&wall);
    let slice = shown.lines().find(|line| line.contains(" slice-c ")).unwrap();
    assert!(slice.contains("◐ stor3"), "{shown}");
}

#[test]
fn it_can_be_read_without_colour_and_in_ascii() {
    for (name, faults) in [("server", STARVED), ("client", CLIENT), ("path", PATH)] {
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let mut model = console_of(played(faults), (80, 24), "mono", glyphs, false);
            keys(&mut model, "9");
            let buffer = draw(&model);
            assert!(
                buffer
                    .content
                    .iter()
                    .all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset))
            );
            if glyphs == Glyphs::Ascii {
                assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
                insta::assert_snapshot!(format!("latency_{name}_ascii"), picture(&model));
            }
        }
    }
    let mut model = console_of(played(STARVED), (120, 30), "mono", Glyphs::Ascii, false);
    keys(&mut model, "1z");
    let shown = text(&model);
    for word in ["@ semi-failed", "% busy", "@ 1 semi-failed"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    keys(&mut model, "2");
    let shown = text(&model);
    for word in ["@ stor3 semi-failed", "o ok        @ stor3"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    // A server that is asked for much more than usual is busy, and not half failed.
    let mut model = console_of(played(BUSY), (120, 30), "mono", Glyphs::Unicode, false);
    keys(&mut model, "1z");
    let shown = text(&model);
    let row = shown.lines().find(|line| line.contains(" stor2 ")).unwrap();
    assert!(row.contains("░ busy"), "{shown}");
    assert!(!shown.contains('◐'), "{shown}");
}

#[test]
fn what_is_blamed_is_framed_and_the_cursor_is_there() {
    for (faults, cell) in [
        (SERVER, ("", "stor3")),
        (CLIENT, ("access2", "")),
        (PATH, ("access1", "stor2")),
    ] {
        let model = latency(faults, (120, 40));
        let (host, server) = under_cursor(&model);
        assert!(cell.0.is_empty() || cell.0 == host, "{host}");
        assert!(cell.1.is_empty() || cell.1 == server, "{server}");
        assert!(model.matrix.is_blamed(model.matrix.row, model.matrix.column));
        assert!(text(&model).contains('┏'), "{}", text(&model));
        assert!(text(&model).contains("blamed: "), "{}", text(&model));
    }
    for faults in [&[][..], LOST, BUSY] {
        let shown = text(&latency(faults, (120, 40)));
        assert!(shown.contains("nobody is blamed"), "{shown}");
        assert!(!shown.contains('┏'), "{shown}");
    }
    let held = text(&latency(BUSY, (120, 40)));
    assert!(
        held.contains("░ server stor2 is busy, not blamed: 1.") && held.contains("usual load"),
        "{held}"
    );
}

#[test]
fn keys_lead_through_the_matrix() {
    let mut model = latency(SERVER, (80, 24));
    let blamed = op(&model);
    assert_eq!(under_cursor(&model).1, "stor3");
    keys(&mut model, "ghhhhhh");
    assert_eq!(under_cursor(&model).1, "stor1");
    keys(&mut model, "<pgup>jl");
    assert_eq!(under_cursor(&model), ("access2".to_owned(), "stor2".to_owned()));
    keys(&mut model, "k<right><down>G");
    assert_eq!(under_cursor(&model), ("access8".to_owned(), "stor3".to_owned()));
    keys(&mut model, "n");
    assert_eq!(under_cursor(&model), ("access1".to_owned(), "stor3".to_owned()));
    keys(&mut model, "o");
    assert_ne!(op(&model), blamed);
    keys(&mut model, "O<enter>");
    assert_eq!(op(&model), blamed);
    assert!(matches!(&model.page, Page::Stream(stream) if stream.op == blamed));
    assert!(text(&model).contains("served by  stor3"), "{}", text(&model));
    keys(&mut model, "<esc>");
    assert_eq!(model.page, Page::Latency);
    // The server that a column stands for is what can be acted upon.
    keys(&mut model, "g");
    assert_eq!(model.selected(), Some(Id::Host(HostName::new("stor3"))));
    keys(&mut model, "m");
    assert!(text(&model).contains("slice-move"), "{}", text(&model));
    keys(&mut model, "<esc>4");
    assert_eq!(model.page, Page::Host(HostName::new("stor3")));
    keys(&mut model, "1:latency<enter>");
    assert_eq!(model.page, Page::Latency);
    keys(&mut model, "<esc>o");
    assert!(text(&model).contains("that is a key of the Latency page"));
}

#[test]
fn what_is_typed_behind_a_slash_is_words_and_no_keys() {
    let mut model = latency(SERVER, (120, 40));
    keys(&mut model, "/stor");
    assert_eq!(model.page, Page::Latency);
    assert!(
        matches!(model.layers.last(), Some(Layer::Palette(_))),
        "{:?}",
        model.layers
    );
    keys(&mut model, "3<enter>");
    assert_eq!(model.page, Page::Host(HostName::new("stor3")));
}

#[test]
fn every_cell_says_why_not() {
    let mut model = latency(&[], (80, 24));
    keys(&mut model, "<pgdn><enter>");
    let shown = text(&model);
    assert!(shown.contains("not slow: 1.0"), "{shown}");
    assert!(shown.contains("ITS 7 PEERS"), "{shown}");
}

#[test]
fn findings_about_paths_lead_to_the_matrix() {
    let mut model = console_of(played(PATH), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, "5");
    let at = model
        .shown
        .findings
        .iter()
        .position(|finding| finding.code == Code::PathSlow);
    model.move_to(at.unwrap());
    keys(&mut model, "<enter>");
    assert_eq!(model.page, Page::Latency);
    assert_eq!(under_cursor(&model), ("access1".to_owned(), "stor2".to_owned()));
    let mut model = console_of(played(SERVER), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, "5g<enter>");
    assert_eq!(model.page, Page::Host(HostName::new("stor3")));
}

#[test]
fn the_runbook_that_helps_is_named_where_there_is_one() {
    let mut model = console_of(played(SERVER), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, "5g");
    assert!(
        text(&model).contains("could help: slice-move slice-c (m)"),
        "{}",
        text(&model)
    );
    model.works = None;
    assert!(
        text(&model).contains("could help: slice-move slice-c"),
        "{}",
        text(&model)
    );
    assert!(!text(&model).contains("(m)"));
    let mut model = console_of(played(CLIENT), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, "5g");
    assert!(
        !text(&model).contains("could help"),
        "a client has no slices to move: {}",
        text(&model)
    );
}

#[test]
fn a_move_against_a_slow_path_is_doubted_in_the_menu_and_in_the_plan() {
    let mut model = latency(PATH, (120, 40));
    keys(&mut model, "m");
    let shown = text(&model);
    assert!(shown.contains("slice-move"), "{shown}");
    assert!(
        shown.contains("▲ access1→stor2 is slow, not stor2: a slow path is not mended"),
        "{shown}"
    );
    insta::assert_snapshot!("latency_path_menu_120x40", picture(&model));
    keys(&mut model, "<enter>");
    let Some(Layer::Plan(planning)) = model.layers.last() else {
        panic!("{:?}", model.layers)
    };
    let (number, mut asked) = (planning.number, planning.asked.clone());
    asked.parameters.insert("slice".to_owned(), "slice-a".to_owned());
    update(&mut model, Msg::Planned(number, planned(&asked, "healthy", true, None)));
    let shown = text(&model);
    assert!(shown.contains("nothing has been done yet"), "{shown}");
    assert!(shown.contains("▲ access1→stor2 is slow, not stor2"), "{shown}");
    keys(&mut model, "<esc>5");
    let at = model
        .shown
        .findings
        .iter()
        .position(|finding| finding.code == Code::PathSlow);
    model.move_to(at.unwrap());
    keys(&mut model, "m");
    assert!(text(&model).contains("no runbook mends a path"), "{}", text(&model));
    // Of a server that is to blame itself its slices are better taken away.
    let mut model = latency(SERVER, (120, 40));
    keys(&mut model, "m");
    let shown = text(&model);
    assert!(
        shown.contains("slice-move") && !shown.contains("is not mended"),
        "{shown}"
    );
}

#[test]
fn help_begins_with_the_keys_and_signs_of_the_page() {
    let mut model = latency(SERVER, (80, 24));
    keys(&mut model, "?");
    let shown = text(&model);
    assert!(
        shown.contains("THE KEYS OF THIS PAGE") && shown.contains(" n N "),
        "{shown}"
    );
    insta::assert_snapshot!("latency_help_80x24", picture(&model));
    let mut model = latency(SERVER, (120, 40));
    keys(&mut model, "?");
    let shown = text(&model);
    for sign in ["┏━━┓", "◐", "░ row", "░ column", "◆", " · ", " ? "] {
        assert!(shown.contains(sign), "{sign}: {shown}");
    }
    keys(&mut model, "/busy");
    let shown = text(&model);
    assert!(shown.contains("░ column") && !shown.contains("┏━━┓"), "{shown}");
    // A process that may not act is told of no key that acts, and other pages have the help they had.
    let mut model = latency(SERVER, (120, 40));
    model.works = None;
    keys(&mut model, "?");
    assert!(!text(&model).contains("Runbooks for the server"), "{}", text(&model));
    let mut model = latency(SERVER, (120, 40));
    keys(&mut model, "1?");
    assert!(!text(&model).contains("THE KEYS OF THIS PAGE"), "{}", text(&model));
}

#[test]
fn n_in_findings_passes_over_no_open_one_and_comes_round() {
    let mut model = console((120, 40));
    keys(&mut model, "5g");
    let open = model.shown.findings.len();
    assert!(
        model
            .shown
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Notice)
    );
    for at in 1..open {
        keys(&mut model, "n");
        assert_eq!(model.list(ListKind::Findings).cursor, at);
    }
    keys(&mut model, "n");
    assert_eq!(model.list(ListKind::Findings).cursor, 0);
    assert!(text(&model).contains("on from the top"), "{}", text(&model));
}

#[test]
fn what_is_old_is_not_known() {
    let mut model = latency(LOST, (80, 24));
    let shown = text(&model);
    let row = |shown: &str| {
        shown
            .lines()
            .find(|line| line.contains(" access4 "))
            .unwrap()
            .to_owned()
    };
    assert_eq!(row(&shown).matches('?').count(), 4, "{shown}");
    assert!(!row(&shown).contains('1'), "{shown}");
    keys(&mut model, "<pgup>jjj");
    assert!(
        text(&model).contains("not known: access4 last seen"),
        "{}",
        text(&model)
    );
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 33_000)));
    let matrix = &model.matrix;
    assert!(matrix.levels.iter().flatten().all(|level| *level == Level::Unknown));
    assert!(!text(&model).contains("1.0"), "{}", text(&model));
}

#[test]
fn a_busy_observer_is_hatched_and_says_why() {
    let model = latency(STARVED, (120, 40));
    let shown = text(&model);
    let row = shown.lines().find(|line| line.contains(" access3 ")).unwrap();
    assert!(row.contains("░ busy, not counted"), "{shown}");
    assert!(row.matches('░').count() >= 5, "{shown}");
    assert!(
        row.contains("2."),
        "what it sees is shown, though nothing is learnt from it: {shown}"
    );
    assert!(
        shown.contains("what access3 sees is not counted: CPU pressure"),
        "{shown}"
    );
    assert!(shown.contains("7 of 7 agree"), "{shown}");
}

#[test]
fn rows_keep_their_places_under_the_cursor() {
    let mut model = latency(&[], (80, 24));
    keys(&mut model, "s");
    let order = |model: &Model| -> Vec<String> {
        let grid = model.matrix.grid.as_ref().unwrap();
        grid.rows.iter().map(|row| row.host.to_string()).collect()
    };
    let before = order(&model);
    keys(&mut model, "j");
    update(&mut model, Msg::View(Arc::new(played(CLIENT))));
    assert_eq!(order(&model), before, "held while somebody is at the keys");
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 5000)));
    assert_eq!(order(&model)[0], "access2", "the hottest comes first later");
    keys(&mut model, "s");
    assert_eq!(order(&model)[0], "access1");
}

#[test]
fn the_mouse_chooses_a_cell() {
    let mut model = latency(&[], (80, 24));
    let body = screen::areas(&model).body;
    let layout = Layout::new(&model.matrix, body);
    let ((row, y), (column, x)) = (layout.rows[2], layout.columns[3]);
    update(
        &mut model,
        Msg::Mouse(crossterm::event::MouseEvent {
            kind: crossterm::event::MouseEventKind::Down(crossterm::event::MouseButton::Left),
            column: x + 2,
            row: y,
            modifiers: KeyModifiers::NONE,
        }),
    );
    assert_eq!((model.matrix.row, model.matrix.column), (row, column));
}

#[test]
fn every_size_is_drawn() {
    for faults in [SERVER, CLIENT, PATH, STARVED] {
        for columns in (40..=130).step_by(7) {
            for rows in 12..=30 {
                let mut model = latency(faults, (columns, rows));
                let matrix = &model.matrix;
                let layout = Layout::new(matrix, screen::areas(&model).body);
                let seen = if layout.listed {
                    matrix.place_in_list()
                } else {
                    matrix.row
                };
                assert!(
                    layout.rows.iter().any(|(row, _)| *row == seen),
                    "{columns}x{rows}: {layout:?}"
                );
                draw(&model);
                keys(&mut model, "<enter>");
                draw(&model);
            }
        }
    }
}

/// A grid of any size, for its layout alone.
fn grid(rows: usize, columns: usize, blamed: (usize, usize)) -> Matrix {
    let view = played(&[]);
    let stream = view.latency.streams_of("access1").next().unwrap();
    let cell = |at: (usize, usize)| Cell {
        stream,
        ratio: 1.0,
        state: State::Ok,
        counts: true,
        fresh: true,
        blamed: at == blamed,
        explained: false,
    };
    let mut matrix = Matrix::default();
    matrix.grid = Some(Grid {
        op: Op::NfsRead,
        columns: (0..columns)
            .map(|at| Column {
                name: format!("stor{at}").into(),
                host: None,
                blamed: at == blamed.1 && blamed.0 == 1,
                excuse: None,
            })
            .collect(),
        rows: (0..rows)
            .map(|row| Row {
                host: HostName::new(&format!("access{row}")),
                busy: String::new(),
                blamed: row == blamed.0 && blamed.1 == 1,
                cells: (0..columns).map(|column| Some(cell((row, column)))).collect(),
            })
            .collect(),
        blamed: Vec::new(),
    });
    matrix.levels = vec![vec![Level::Calm; columns]; rows];
    matrix.list = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .collect();
    matrix
}

#[test]
fn what_is_explained_has_another_sign_and_no_frame() {
    let mut matrix = grid(2, 2, (9, 9));
    let mut of = |row: usize, explained: bool| {
        let shown = matrix.grid.as_mut().unwrap();
        shown.op = Op::DiskWrite;
        let cell = shown.rows[row].cells[0].as_mut().unwrap();
        (cell.ratio, cell.state, cell.explained) = (3.0, State::Slow, explained);
        matrix.levels[row][0] = Level::Burning;
    };
    of(0, true);
    of(1, false);
    assert!(!matrix.is_framed(0, 0) && matrix.is_framed(1, 0));
    assert_eq!(matrix.excuse(0, 0).map(Excused::sign), Some("◆"));
    assert_eq!(matrix.excuse(1, 0), None);
    assert_eq!(matrix.excuse(0, 1), None, "as ever");
    let shown = matrix.grid.as_mut().unwrap();
    shown.columns[1].excuse = Some(Excuse::Busy("3.0× its usual load".to_owned()));
    assert_eq!(matrix.excuse(0, 1).map(Excused::sign), Some("░"));
    matrix.grid.as_mut().unwrap().columns[1].blamed = true;
    assert_eq!(matrix.excuse(0, 1), None, "what is blamed is not excused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_cursor_is_always_on_screen(
        rows in 1_usize..400,
        columns in 1_usize..20,
        blamed in (0_usize..20, 0_usize..5),
        size in (40_u16..220, 5_u16..60),
        walk in prop::collection::vec(0_usize..8, 1..40),
    ) {
        let mut matrix = grid(rows, columns, blamed);
        let area = Rect::new(0, 3, size.0, size.1);
        for step in walk {
            let action = [
                Action::Down, Action::Up, Action::PageDown, Action::PageUp,
                Action::Fold, Action::Unfold, Action::Last, Action::HalfDown,
            ][step];
            let layout = Layout::new(&matrix, area);
            matrix.walk(action, layout.rows.len(), layout.listed);
            follow(&mut matrix, area);
            let layout = Layout::new(&matrix, area);
            let seen = if layout.listed { matrix.place_in_list() } else { matrix.row };
            prop_assert!(layout.rows.iter().any(|(row, _)| *row == seen), "{seen} {layout:?}");
            prop_assert!(layout.listed || layout.columns.iter().any(|(column, _)| *column == matrix.column));
            prop_assert!(layout.rows.iter().all(|(_, y)| area.contains((0, *y).into())));
        }
    }
}
