//! Takes the README's screenshots: runs the program in a terminal, types keys, and writes what the screen shows as SVG.
//!
//! `cargo run --release --example screenshot -- FILE.svg COLUMNS ROWS SECONDS KEYS [ARGUMENT…]`
//! (the program is taken from `target/release/pointsman`).

#[path = "../tests/support/mod.rs"]
mod support;

use std::{fmt::Write as _, time::Duration};
use support::Terminal;

/// Size of one character cell in the picture.
const CELL: (f32, f32) = (8.4, 18.0);
const FOREGROUND: &str = "#d0d0d0";
const BACKGROUND: &str = "#14161b";
/// The sixteen colours of the terminal, as the picture shows them.
const PALETTE: [&str; 16] = [
    "#14161b", "#e05561", "#8cc265", "#d6a75c", "#4aa5f0", "#c162de", "#42b3c2", "#d0d0d0", "#6b7380", "#ff616e",
    "#a5e075", "#f0c674", "#6cb8ff", "#de73ff", "#4cd1e0", "#ffffff",
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, columns, rows, seconds, keys, rest @ ..] = args.as_slice() else {
        eprintln!("usage: screenshot FILE.svg COLUMNS ROWS SECONDS KEYS [ARGUMENT…]");
        std::process::exit(64);
    };
    let (columns, rows): (u16, u16) = (columns.parse().expect("columns"), rows.parse().expect("rows"));
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let mut terminal = Terminal::run(
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/pointsman"),
        &rest,
        columns,
        rows,
    );
    std::thread::sleep(Duration::from_secs_f32(seconds.parse().expect("seconds")));
    for key in keys.chars() {
        terminal.send(&key.to_string());
        std::thread::sleep(Duration::from_millis(150));
    }
    std::thread::sleep(Duration::from_millis(600));
    let picture = terminal.with_screen(|screen| svg(screen, columns, rows));
    std::fs::write(file, picture).expect("the picture can be written");
    println!("{}", terminal.screen());
}

fn svg(screen: &vt100::Screen, columns: u16, rows: u16) -> String {
    let (width, height) = (f32::from(columns) * CELL.0 + 16.0, f32::from(rows) * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let start = column;
            let style = style(screen, row, column);
            let mut text = String::new();
            while column < columns && self::style(screen, row, column) == style {
                let cell = screen.cell(row, column);
                let contents = cell.map_or(" ", |cell| if cell.has_contents() { cell.contents() } else { " " });
                text.push_str(contents);
                column += 1;
            }
            run(&mut out, &style, &text, row, start, column);
        }
    }
    out + "</svg>\n"
}

#[derive(PartialEq)]
struct Style {
    foreground: String,
    background: String,
    bold: bool,
    dim: bool,
    underline: bool,
}

fn style(screen: &vt100::Screen, row: u16, column: u16) -> Style {
    let Some(cell) = screen.cell(row, column) else {
        return Style {
            foreground: FOREGROUND.into(),
            background: BACKGROUND.into(),
            bold: false,
            dim: false,
            underline: false,
        };
    };
    let mut foreground = colour(cell.fgcolor(), FOREGROUND);
    let mut background = colour(cell.bgcolor(), BACKGROUND);
    if cell.inverse() {
        std::mem::swap(&mut foreground, &mut background);
    }
    Style {
        foreground,
        background,
        bold: cell.bold(),
        dim: cell.dim(),
        underline: cell.underline(),
    }
}

fn colour(colour: vt100::Color, default: &str) -> String {
    match colour {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Idx(index @ 0..=15) => PALETTE[usize::from(index)].to_owned(),
        vt100::Color::Idx(index @ 16..=231) => {
            let level = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
            let index = index - 16;
            format!(
                "#{:02x}{:02x}{:02x}",
                level(index / 36),
                level(index / 6 % 6),
                level(index % 6)
            )
        }
        vt100::Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

fn run(out: &mut String, style: &Style, text: &str, row: u16, start: u16, end: u16) {
    let (x, y) = (f32::from(start) * CELL.0 + 8.0, f32::from(row) * CELL.1 + 8.0);
    let width = f32::from(end - start) * CELL.0;
    if style.background != BACKGROUND {
        let _ = writeln!(
            out,
            "<rect shape-rendering=\"crispEdges\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
            CELL.1, style.background
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\" xml:space=\"preserve\" textLength=\"{width:.1}\"{}{}{}>{escaped}</text>",
        y + 13.5,
        style.foreground,
        if style.bold { " font-weight=\"bold\"" } else { "" },
        if style.dim { " opacity=\"0.6\"" } else { "" },
        if style.underline {
            " text-decoration=\"underline\""
        } else {
            ""
        },
    );
}
