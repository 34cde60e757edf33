//! The functions of a target's shell, and which of them a block of lines needs: those are sent before it, once to each
//! shell. A shell reads its standard input byte by byte, and on a slow host reading all of them takes longer than
//! anything they do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// The functions, for a POSIX shell; those of `wrapper.sh` come after the settings that all of them rest on.
const SOURCE: &str = concat!(
    include_str!("wrapper.sh"),
    include_str!("task.sh"),
    include_str!("client.sh"),
    include_str!("database.sh"),
    include_str!("stream.sh"),
    include_str!("backup.sh"),
);

/// What a new shell says once it is ready: one that ends without this word has run nothing.
const READY: &str = "say ready\n";

/// A function, or the text of a program that one of them writes to a file.
struct Piece {
    text: String,
    /// What else of these it names: anything that could be one of them counts.
    uses: BTreeSet<&'static str>,
}

struct Library {
    /// What a shell is told before its first function.
    settings: String,
    pieces: BTreeMap<&'static str, Piece>,
    names: BTreeSet<&'static str>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::of(SOURCE));

impl Library {
    /// Takes the source to pieces: a line at the left edge that begins `name() ` or is `name='` begins one. Comments are
    /// left out.
    fn of(source: &'static str) -> Self {
        let mut settings = String::new();
        let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut current = None;
        let mut quoted = false;
        for line in source.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let function = line
                .split_once("() ")
                .map(|(name, _)| name)
                .filter(|name| is_name(name));
            // Settings come before all functions, and are no pieces.
            let text = line
                .strip_suffix("='")
                .filter(|name| current.is_some() && is_name(name));
            if let Some(name) = function.or(text).filter(|_| !quoted) {
                current = Some(name);
                quoted = text.is_some();
            } else if line == "'" {
                quoted = false;
            }
            let into = match current {
                Some(name) => texts.entry(name).or_default(),
                None => &mut settings,
            };
            into.push_str(line);
            into.push('\n');
        }
        let names: BTreeSet<&'static str> = texts.keys().copied().collect();
        let pieces = texts.into_iter().map(|(name, text)| {
            let uses = named(&text, &names).filter(|used| *used != name).collect();
            (name, Piece { text, uses })
        });
        Self {
            settings,
            pieces: pieces.collect(),
            names: names.clone(),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Those of `names` that stand as words in a text.
fn named<'a>(text: &'a str, names: &'a BTreeSet<&'static str>) -> impl Iterator<Item = &'static str> + 'a {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter_map(|word| names.get(word).copied())
}

/// What one shell has been told so far.
#[derive(Debug, Default)]
pub struct Taught {
    settings: bool,
    names: BTreeSet<&'static str>,
}

impl Taught {
    /// Whether the shell has been told nothing yet: it says that it is ready then.
    pub fn nothing(&self) -> bool {
        !self.settings
    }

    /// What the shell has to read before a block, if it has read all that was sent before. No function runs by being
    /// read: of a text that is cut short on its way nothing happens.
    pub fn missing(&mut self, block: &str) -> String {
        let library = &*LIBRARY;
        let first = !std::mem::replace(&mut self.settings, true);
        let mut out = if first { library.settings.clone() } else { String::new() };
        let mut wanted: Vec<&'static str> = named(block, &library.names).collect();
        wanted.extend(first.then_some("say"));
        while let Some(name) = wanted.pop() {
            if self.names.insert(name) {
                let piece = &library.pieces[name];
                out.push_str(&piece.text);
                wanted.extend(&piece.uses);
            }
        }
        if first {
            out.push_str(READY);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(words: &str) -> Taught {
        let mut taught = Taught::default();
        taught.missing(words);
        taught
    }

    #[test]
    fn no_line_of_the_source_is_lost_and_each_piece_has_one_name() {
        let library = Library::of(SOURCE);
        let lines = |text: &str| {
            let mut lines: Vec<String> = text
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect();
            lines.sort();
            lines
        };
        let pieces: String = library.pieces.values().map(|piece| piece.text.as_str()).collect();
        let source: Vec<&str> = SOURCE
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        assert_eq!(lines(&(library.settings.clone() + &pieces)), lines(&source.join("\n")));
        for (name, piece) in &library.pieces {
            let begins =
                piece.text.matches(&format!("{name}() ")).count() + piece.text.matches(&format!("{name}='\n")).count();
            assert_eq!(begins, 1, "{name}");
        }
        assert!(library.pieces.len() > 150, "{}", library.pieces.len());
        assert!(!library.settings.contains("() {"), "{}", library.settings);
    }

    #[test]
    fn each_piece_is_whole_for_a_shell() {
        for (name, piece) in &LIBRARY.pieces {
            let output = std::process::Command::new("sh")
                .args(["-n", "-c", &piece.text])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    #[test]
    fn what_a_function_calls_is_told_with_it_and_nothing_twice() {
        let mut taught = Taught::default();
        assert!(taught.nothing());
        let first = taught.missing("look db_stand - -");
        assert!(!taught.nothing());
        for name in [
            "look() ",
            "output() ",
            "db_stand() ",
            "db_stand_mysql() ",
            "db_client() ",
        ] {
            assert_eq!(first.matches(&format!("\n{name}")).count(), 1, "{name}");
        }
        assert!(first.ends_with("say ready\n"));
        assert!(!first.contains("nfs_") && !first.contains("stream_"), "{first}");
        assert_eq!(taught.missing("look db_stand - -"), "");
        let more = taught.missing("look 'mounted_at' /srv");
        assert!(
            more.starts_with("mounted_at() ") && !more.contains("say ready") && !more.contains("look() "),
            "{more}"
        );
    }

    #[test]
    fn a_text_that_a_function_writes_to_a_file_is_told_with_it() {
        let mut taught = Taught::default();
        let told = taught.missing("run task_go x");
        assert!(told.contains("\ntask_body='\n"), "{told}");
        assert!(!told.contains("database_body"), "{told}");
    }

    #[test]
    fn most_calls_need_a_small_part() {
        let size = |words: &str| Taught::default().missing(words).len();
        let all = LIBRARY.pieces.values().map(|piece| piece.text.len()).sum::<usize>();
        for words in [
            "look cat /proc/mdstat",
            "whoami begin holds expect once run finish look",
            "look nfs_uses",
            "look db_state",
        ] {
            assert!(size(words) * 4 < all, "{words}: {} of {all}", size(words));
        }
        assert!(after("").names.contains("say"));
    }
}
