//! What `/` understands: words that must (`text`, a regular expression where it is one) or must not
//! (`!text`) occur, and comparisons (`load>2`, `lag>=10`, `state=critical`, `site!=lax`). All must hold.
//! A value that is not known matches no comparison.

use regex::{Regex, RegexBuilder};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Words, any of which counts.
    Words(Vec<String>),
}

impl Value {
    /// One word.
    #[must_use]
    pub fn word(word: &str) -> Self {
        Self::Words(vec![word.to_owned()])
    }
}

/// Something that can be filtered.
pub trait Filtered {
    /// All text that `/text` looks at.
    fn haystack(&self) -> String;
    /// The value of a field; `None` when it is not known or has no meaning here.
    fn field(&self, name: &str) -> Option<Value>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

#[derive(Debug, Clone)]
enum Term {
    Text {
        pattern: Regex,
        wanted: bool,
    },
    Field {
        name: String,
        compare: Compare,
        text: String,
    },
}

/// A filter as typed, and what it means.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// As typed, without the slash.
    pub source: String,
    /// What in it is not understood; those parts hide nothing.
    pub problem: Option<String>,
    terms: Vec<Term>,
}

impl Filter {
    /// Reads a filter over things with these fields. Never fails: what is no comparison is text, what is no
    /// regular expression is literal. A comparison of a field that there is not hides nothing; it is told as
    /// the filter's problem.
    #[must_use]
    pub fn parse(source: &str, fields: &[&str]) -> Self {
        let mut filter = Self {
            source: source.trim().to_owned(),
            ..Self::default()
        };
        for token in source.split_whitespace() {
            match comparison(token) {
                Some((name, compare, text)) if fields.contains(&name) => filter.terms.push(Term::Field {
                    name: name.to_owned(),
                    compare,
                    text: text.to_lowercase(),
                }),
                Some((name, ..)) => filter.problem = Some(no_field(name, fields)),
                None => filter.terms.push(text_term(token)),
            }
        }
        filter
    }

    /// Whether nothing was typed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// Whether it lets this through.
    #[must_use]
    pub fn matches(&self, thing: &impl Filtered) -> bool {
        if self.terms.is_empty() {
            return true;
        }
        let haystack = thing.haystack();
        self.terms.iter().all(|term| match term {
            Term::Text { pattern, wanted } => pattern.is_match(&haystack) == *wanted,
            Term::Field { name, compare, text } => thing.field(name).is_some_and(|value| holds(&value, *compare, text)),
        })
    }
}

fn no_field(name: &str, fields: &[&str]) -> String {
    match crate::fleet::nearest(name, fields.iter().copied()) {
        Some(near) => format!("no such field {name}; did you mean {near}?"),
        None => format!("no such field {name} here; there are {}", fields.join(" ")),
    }
}

fn text_term(token: &str) -> Term {
    let (text, wanted) = match token.strip_prefix('!') {
        Some(rest) if !rest.is_empty() => (rest, false),
        _ => (token, true),
    };
    let build = |text: &str| {
        RegexBuilder::new(text)
            .case_insensitive(true)
            .size_limit(1 << 18)
            .build()
    };
    let pattern = build(text)
        .or_else(|_| build(&regex::escape(text)))
        .unwrap_or_else(|_| nothing());
    Term::Text { pattern, wanted }
}

/// A pattern that matches nothing, for a text too long to be one.
#[allow(clippy::unwrap_used, reason = "a constant pattern, compiled in the tests below")]
fn nothing() -> Regex {
    Regex::new("[^\\s\\S]").unwrap()
}

fn comparison(token: &str) -> Option<(&str, Compare, &str)> {
    let at = token.find(['<', '>', '=', '!'])?;
    let (name, rest) = token.split_at(at);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return None;
    }
    for (sign, compare) in [
        (">=", Compare::GreaterOrEqual),
        ("<=", Compare::LessOrEqual),
        ("!=", Compare::NotEqual),
        (">", Compare::Greater),
        ("<", Compare::Less),
        ("=", Compare::Equal),
    ] {
        if let Some(value) = rest.strip_prefix(sign) {
            // While the value is still being typed everything is shown.
            return (!value.is_empty()).then_some((name, compare, value));
        }
    }
    None
}

fn holds(value: &Value, compare: Compare, text: &str) -> bool {
    match value {
        Value::Number(number) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
            let Ok(limit) = digits.parse::<f64>() else {
                return false;
            };
            match compare {
                Compare::Less => *number < limit,
                Compare::LessOrEqual => *number <= limit,
                Compare::Equal => (number - limit).abs() < 1e-9,
                Compare::NotEqual => (number - limit).abs() >= 1e-9,
                Compare::GreaterOrEqual => *number >= limit,
                Compare::Greater => *number > limit,
            }
        }
        Value::Words(words) => {
            let found = words.iter().any(|word| word.to_lowercase() == text);
            match compare {
                Compare::Equal => found,
                Compare::NotEqual => !found,
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: &[&str] = &["load", "state", "lag"];

    struct Thing;

    impl Filtered for Thing {
        fn haystack(&self) -> String {
            "stor1 storage lax".to_owned()
        }

        fn field(&self, name: &str) -> Option<Value> {
            match name {
                "load" => Some(Value::Number(2.5)),
                "state" => Some(Value::word("Critical")),
                _ => None,
            }
        }
    }

    #[test]
    fn words_and_comparisons_must_all_hold() {
        for (source, wanted) in [
            ("", true),
            ("STOR", true),
            ("!stor", false),
            ("^stor[0-9]", true),
            ("stor[", false),
            ("load>2", true),
            ("load>2.5", false),
            ("load>=2.5", true),
            ("load<1%", false),
            ("state=critical", true),
            ("state!=critical", false),
            ("stor load<3 !fra", true),
            ("lag>0", false),
            ("lag<5", false),
            ("lag!=5", false),
            ("load>x", false),
        ] {
            assert_eq!(Filter::parse(source, FIELDS).matches(&Thing), wanted, "{source}");
        }
    }

    #[test]
    fn an_unknown_field_is_said_and_hides_nothing() {
        let filter = Filter::parse("laod>2", FIELDS);
        assert_eq!(
            filter.problem.as_deref(),
            Some("no such field laod; did you mean load?")
        );
        assert!(filter.matches(&Thing) && !filter.is_empty());
        let filter = Filter::parse("zebra=2 nowhere", FIELDS);
        let problem = filter.problem.as_deref();
        assert_eq!(problem, Some("no such field zebra here; there are load state lag"));
        assert!(!filter.matches(&Thing), "the rest of it counts");
        assert!(!nothing().is_match("x"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter(source in "\\PC{0,60}") {
            let _ = Filter::parse(&source, FIELDS).matches(&Thing);
        }
    }
}
