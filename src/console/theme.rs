//! Themes: the one place where a meaning becomes a colour.
//!
//! A theme is a small file: `role: colour [on colour] [bold] [dim] [italic] [underline] [reverse]` a
//! line, `#` begins a comment. Colours are the terminal's names (`red`, `bright-blue`, `default`),
//! `#rrggbb`, or a number of the 256-colour table. Five are compiled in.

use crate::verdict::Severity;
use ratatui::style::{Color, Modifier, Style};
use std::{path::Path, str::FromStr};

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal,)+) => {
        /// What a piece of the screen means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role {
            $($(#[$doc])* $role,)+
        }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$role,)+];

            /// The role's name in a theme file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)+ }
            }
        }
    };
}

roles! {
    /// Ordinary text and the background of the screen.
    Text = "text",
    /// Less important text: ages, units, absent things.
    Dim = "dim",
    /// A value that is too old to be trusted.
    Stale = "stale",
    /// Severity critical.
    Critical = "critical",
    /// Severity unknown.
    Unknown = "unknown",
    /// Severity warning.
    Warning = "warning",
    /// Severity notice.
    Notice = "notice",
    /// Severity ok.
    Ok = "ok",
    /// The line at the top.
    Header = "header",
    /// The fleet's label, such as `PRODUCTION`.
    Label = "label",
    /// Names of columns and sections.
    Title = "title",
    /// Key names, the present page, what can be done.
    Accent = "accent",
    /// The selected row.
    Selection = "selection",
    /// Lines between parts of the screen.
    Rule = "rule",
    /// Banners: frozen, read-only, no data.
    Banner = "banner",
    /// Sparklines.
    Trend = "trend",
}

const ROLES: usize = Role::ALL.len();

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None; bold, dim and reverse only.
    Mono,
    /// The terminal's own sixteen.
    Sixteen,
    /// The 256-colour table.
    Indexed,
    /// 24 bits.
    True,
}

impl Depth {
    /// What the environment says: `NO_COLOR` (no-color.org) first, then `COLORTERM`, then `TERM`.
    #[must_use]
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return Self::Mono;
        }
        let term = variable("TERM").unwrap_or_default();
        if matches!(variable("COLORTERM").as_deref(), Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") {
            Self::Indexed
        } else if term.is_empty() || term == "dumb" || term.starts_with("vt1") || term.starts_with("vt2") {
            Self::Mono
        } else {
            Self::Sixteen
        }
    }

    /// The nearest colour that the terminal has; the only place where colours are reduced.
    #[must_use]
    pub fn reduce(self, color: Color) -> Color {
        match (self, color) {
            (Self::Mono, _) => Color::Reset,
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(to_indexed(r, g, b)),
            (Self::Sixteen, Color::Rgb(r, g, b)) => to_sixteen(r, g, b),
            (Self::Sixteen, Color::Indexed(at)) => {
                let (r, g, b) = from_indexed(at);
                to_sixteen(r, g, b)
            }
            (_, color) => color,
        }
    }
}

/// The levels of the 6×6×6 cube of the 256-colour table.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The sixteen colours as xterm shows them, in the order of their numbers.
const SIXTEEN: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let part = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    part(a.0, b.0) + part(a.1, b.1) + part(a.2, b.2)
}

fn from_indexed(at: u8) -> (u8, u8, u8) {
    match at {
        0..16 => SIXTEEN[usize::from(at)].1,
        16..232 => {
            let cube = usize::from(at - 16);
            (LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6])
        }
        _ => {
            let grey = 8 + (at - 232) * 10;
            (grey, grey, grey)
        }
    }
}

fn to_indexed(r: u8, g: u8, b: u8) -> u8 {
    (16..=255)
        .min_by_key(|at| distance(from_indexed(*at), (r, g, b)))
        .unwrap_or(15)
}

fn to_sixteen(r: u8, g: u8, b: u8) -> Color {
    SIXTEEN
        .iter()
        .min_by_key(|(_, rgb)| distance(*rgb, (r, g, b)))
        .map_or(Color::Reset, |(color, _)| *color)
}

/// A theme, reduced to what the terminal can show.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    styles: [Style; ROLES],
}

/// Name and text of each theme that is compiled in; the first is the default.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("terminal", include_str!("../../themes/terminal.theme")),
    ("dark", include_str!("../../themes/dark.theme")),
    ("light", include_str!("../../themes/light.theme")),
    ("colour-blind", include_str!("../../themes/colour-blind.theme")),
    ("mono", include_str!("../../themes/mono.theme")),
];

impl Theme {
    /// The compiled-in theme of that name.
    ///
    /// # Errors
    /// A sentence with the names there are.
    pub fn built_in(name: &str, depth: Depth) -> Result<Self, String> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            return Err(format!("no theme {name}; there are {}", names.join(", ")));
        };
        Self::parse(name, name, text, depth)
    }

    /// Reads a theme. Roles that are not named keep the style of `text`.
    ///
    /// # Errors
    /// `file:line:` and what is wrong there.
    pub fn parse(name: &str, file: &str, text: &str, depth: Depth) -> Result<Self, String> {
        let mut styles = [Style::default(); ROLES];
        for (at, line) in text.lines().enumerate() {
            let problem = |what: String| format!("{file}:{}: {what}", at + 1);
            let line = without_comment(line);
            if line.is_empty() {
                continue;
            }
            let (key, value) = line
                .split_once(':')
                .ok_or_else(|| problem(format!("expected 'role: style', found '{line}'")))?;
            let role = Role::ALL
                .iter()
                .position(|role| role.name() == key.trim())
                .ok_or_else(|| problem(format!("no role '{}'", key.trim())))?;
            styles[role] = style(value, depth).map_err(problem)?;
        }
        let selection = &mut styles[Role::Selection as usize];
        // A selection that cannot be told from its surroundings is worse than an ugly one.
        if selection.bg.is_none_or(|color| color == Color::Reset) {
            *selection = selection.add_modifier(Modifier::REVERSED);
        }
        Ok(Self {
            name: name.to_owned(),
            styles,
        })
    }

    /// Reads a theme file of a directory, `NAME.theme`.
    ///
    /// # Errors
    /// Why it could not be read, with file and line.
    pub fn load(directory: &Path, name: &str, depth: Depth) -> Result<Self, String> {
        let path = directory.join(format!("{name}.theme"));
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        Self::parse(name, &file, &text, depth)
    }

    /// The style of a role.
    #[must_use]
    pub const fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The style of a severity.
    #[must_use]
    pub const fn severity(&self, severity: Severity) -> Style {
        self.style(role_of(severity))
    }
}

/// The role of a severity.
#[must_use]
pub const fn role_of(severity: Severity) -> Role {
    match severity {
        Severity::Ok => Role::Ok,
        Severity::Notice => Role::Notice,
        Severity::Warning => Role::Warning,
        Severity::Unknown => Role::Unknown,
        Severity::Critical => Role::Critical,
    }
}

/// The sign of a severity; never shown without its word or a legend near it.
#[must_use]
pub const fn glyph_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "●",
        Severity::Notice => "◆",
        Severity::Warning => "▲",
        Severity::Unknown => "?",
        Severity::Critical => "✖",
    }
}

/// A line up to its comment: a `#` that begins a word and is no colour.
fn without_comment(line: &str) -> &str {
    let mut start = 0;
    while let Some(found) = line[start..].find('#') {
        let at = start + found;
        let word: &str = line[at + 1..].split_whitespace().next().unwrap_or("");
        let colour = word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !colour || line[at + 1..].starts_with(' ') {
            return line[..at].trim();
        }
        start = at + 1;
    }
    line.trim()
}

fn style(text: &str, depth: Depth) -> Result<Style, String> {
    let mut style = Style::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        style = match word {
            "bold" => style.add_modifier(Modifier::BOLD),
            "dim" => style.add_modifier(Modifier::DIM),
            "italic" => style.add_modifier(Modifier::ITALIC),
            "underline" => style.add_modifier(Modifier::UNDERLINED),
            "reverse" => style.add_modifier(Modifier::REVERSED),
            "on" => style.bg(depth.reduce(color(words.next().ok_or("a colour must follow 'on'")?)?)),
            word => style.fg(depth.reduce(color(word)?)),
        };
    }
    Ok(style)
}

fn color(word: &str) -> Result<Color, String> {
    if word == "default" {
        return Ok(Color::Reset);
    }
    Color::from_str(word).map_err(|_| format!("no colour or attribute '{word}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_names_every_role_at_every_depth() {
        for (name, text) in BUILT_IN {
            for depth in [Depth::Mono, Depth::Sixteen, Depth::Indexed, Depth::True] {
                Theme::built_in(name, depth).unwrap();
            }
            for role in Role::ALL {
                let named = text
                    .lines()
                    .any(|line| line.split_once(':').is_some_and(|(key, _)| key == role.name()));
                assert!(named, "{name}: {}", role.name());
            }
        }
    }

    #[test]
    fn severities_differ_in_every_theme() {
        for (name, _) in BUILT_IN {
            let theme = Theme::built_in(name, Depth::True).unwrap();
            assert_ne!(
                theme.severity(Severity::Critical),
                theme.severity(Severity::Ok),
                "{name}"
            );
            assert_ne!(theme.style(Role::Stale), theme.style(Role::Text), "{name}");
        }
    }

    #[test]
    fn selection_is_visible_without_colour() {
        for (name, _) in BUILT_IN {
            let theme = Theme::built_in(name, Depth::Mono).unwrap();
            assert!(
                theme.style(Role::Selection).add_modifier.contains(Modifier::REVERSED),
                "{name}"
            );
        }
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = Theme::parse("x", "x.theme", "# fine\n\ncritical: rde\n", Depth::True).unwrap_err();
        assert_eq!(error, "x.theme:3: no colour or attribute 'rde'");
        let error = Theme::parse("x", "x.theme", "critcal: red", Depth::True).unwrap_err();
        assert_eq!(error, "x.theme:1: no role 'critcal'");
        let error = Theme::parse("x", "x.theme", "critical", Depth::True).unwrap_err();
        assert_eq!(error, "x.theme:1: expected 'role: style', found 'critical'");
    }

    #[test]
    fn colours_are_reduced_to_what_is_there() {
        assert_eq!(Depth::Sixteen.reduce(Color::Rgb(250, 10, 10)), Color::LightRed);
        assert_eq!(Depth::Indexed.reduce(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(Depth::Sixteen.reduce(Color::Indexed(196)), Color::LightRed);
        assert_eq!(Depth::Mono.reduce(Color::Red), Color::Reset);
        assert_eq!(Depth::True.reduce(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
        let none = Depth::detect(|name| (name == "NO_COLOR").then(|| "1".to_owned()));
        assert_eq!(none, Depth::Mono);
    }

    #[test]
    fn a_comment_is_not_a_colour() {
        assert_eq!(without_comment("ok: #00ff00 bold # good"), "ok: #00ff00 bold");
        assert_eq!(without_comment("# whole line"), "");
    }
}
