//! Templates and conditions of runbooks, in Jinja's language (minijinja): what they come to, and which words they name.
//!
//! A word that stands for nothing is an error, never an empty text; a template has a bounded number of steps to take.

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What words stand for.
pub type Words = BTreeMap<String, Value>;

/// Instructions that one template may take: some hundred times what the longest of the built-in runbooks needs.
const FUEL: u64 = 20_000;

/// Why a template or a condition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong, in a sentence.
    pub says: String,
    /// Where it is in the text, in bytes, where that is known.
    pub at: Option<usize>,
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(20);
    environment.set_debug(true);
    environment
}

/// Puts values in the places of words: `make {{ slice }} primary`.
///
/// # Errors
/// A mistake in the template, or a word that stands for nothing.
pub fn fill(text: &str, words: &Words) -> Result<String, Unusable> {
    // Most texts are plain.
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let environment = environment();
    let filled = environment
        .template_from_str(text)
        .and_then(|template| template.render(words));
    filled.map_err(|error| unusable(text, &error))
}

/// Whether a condition holds: `at_once == "yes" and rebuild > 60`.
///
/// # Errors
/// A mistake in the condition, or a word that stands for nothing.
pub fn holds(condition: &str, words: &Words) -> Result<bool, Unusable> {
    let environment = environment();
    let value = environment
        .compile_expression(condition)
        .and_then(|expression| expression.eval(words));
    match value {
        Ok(value) if value.is_undefined() => Err(Unusable {
            says: format!("{condition:?} stands for nothing"),
            at: None,
        }),
        Ok(value) => Ok(value.is_true()),
        Err(error) => Err(unusable(condition, &error)),
    }
}

/// The words that a template names.
///
/// # Errors
/// A mistake in the template.
pub fn words(text: &str) -> Result<BTreeSet<String>, Unusable> {
    if !text.contains('{') {
        return Ok(BTreeSet::new());
    }
    let environment = environment();
    match environment.template_from_str(text) {
        Ok(template) => Ok(template.undeclared_variables(false).into_iter().collect()),
        Err(error) => Err(unusable(text, &error)),
    }
}

/// The words that a condition names.
///
/// # Errors
/// A mistake in the condition.
pub fn words_of_condition(condition: &str) -> Result<BTreeSet<String>, Unusable> {
    let environment = environment();
    match environment.compile_expression(condition) {
        Ok(expression) => Ok(expression.undeclared_variables(false).into_iter().collect()),
        Err(error) => Err(unusable(condition, &error)),
    }
}

/// The fields that a template asks by name of the things that a word holds: `load`, of `{{ facts[host].load }}` and `facts`.
/// Names that it works out itself are not told.
#[must_use]
pub fn fields(word: &str, text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let inner = &rest[begin + 2..];
        let end = inner.find("}}").into_iter().chain(inner.find("%}")).min();
        let (expression, after) = inner.split_at(end.unwrap_or(inner.len()));
        out.extend(fields_of_condition(word, expression));
        rest = after;
    }
    out
}

/// The same of a condition.
#[must_use]
pub fn fields_of_condition(word: &str, condition: &str) -> BTreeSet<String> {
    let tokens = tokens(condition);
    let mut out = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let inside = at > 0 && tokens[at - 1] == Token::Sign('.');
        if *token == Token::Name(word) && !inside {
            let of_one = subscript(&tokens[at + 1..]).and_then(|(_, rest)| subscript(rest));
            out.extend(of_one.and_then(|(name, _)| name).map(str::to_owned));
        }
    }
    out
}

/// What an expression is made of, as far as it tells names from texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Text(&'a str),
    Sign(char),
}

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if matches!(first, '\'' | '"') {
            let mut escaped = false;
            let end = rest[1..].find(|c: char| {
                let closes = c == first && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            });
            let text = &rest[1..end.map_or(rest.len(), |end| end + 1)];
            (Token::Text(text), (text.len() + 2).min(rest.len()))
        } else if of_name(first) {
            let end = rest.find(|c: char| !of_name(c)).unwrap_or(rest.len());
            (Token::Name(&rest[..end]), end)
        } else {
            (Token::Sign(first), first.len_utf8())
        };
        out.push(token);
        rest = rest[length..].trim_start();
    }
    out
}

/// What stands behind a thing to ask for a part of it, `.name` or `[…]`: the name, where it is written there, and what
/// follows.
fn subscript<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(Option<&'a str>, &'t [Token<'a>])> {
    match tokens {
        [Token::Sign('.'), Token::Name(name), rest @ ..]
        | [Token::Sign('['), Token::Text(name), Token::Sign(']'), rest @ ..] => Some((Some(name), rest)),
        [Token::Sign('['), ..] => {
            let mut depth = 0_usize;
            let end = tokens.iter().position(|token| {
                match token {
                    Token::Sign('[') => depth += 1,
                    Token::Sign(']') => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            end.map(|end| (None, &tokens[end + 1..]))
        }
        _ => None,
    }
}

fn unusable(text: &str, error: &minijinja::Error) -> Unusable {
    let at = error.range().map(|range| range.start);
    let part = error.range().and_then(|range| text.get(range));
    let says = match (error.kind(), part) {
        (ErrorKind::UndefinedError, Some(part)) if part.trim() == text.trim() => format!("{text:?} stands for nothing"),
        (ErrorKind::UndefinedError, Some(part)) => format!("{:?} stands for nothing in {text:?}", part.trim()),
        (ErrorKind::UndefinedError, None) => format!("a word of {text:?} stands for nothing"),
        (ErrorKind::OutOfFuel, _) => format!("{text:?} takes too many steps to work out"),
        (kind, _) => match error.detail() {
            Some(detail) => format!("{text:?}: {detail}"),
            None => format!("{text:?}: {kind}"),
        },
    };
    Unusable { says, at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> Words {
        Words::from([
            ("slice".to_owned(), Value::from("web1")),
            ("rebuild".to_owned(), Value::from(600)),
            ("at_once".to_owned(), Value::from("no")),
        ])
    }

    #[test]
    fn words_become_what_they_stand_for() {
        assert_eq!(fill("move {{ slice }} now", &known()).unwrap(), "move web1 now");
        assert_eq!(fill("{{ slice }}{{ rebuild }}", &known()).unwrap(), "web1600");
        assert_eq!(fill("plain", &Words::new()).unwrap(), "plain");
        // Text of a value is not read as a template again.
        let sly = Words::from([("slice".to_owned(), Value::from("{{ rebuild }}"))]);
        assert_eq!(fill("{{ slice }}", &sly).unwrap(), "{{ rebuild }}");
        // Nor is it escaped for a page of the web.
        let marked = Words::from([("slice".to_owned(), Value::from("a<b>&'c'"))]);
        assert_eq!(fill("{{ slice }}", &marked).unwrap(), "a<b>&'c'");
    }

    #[test]
    fn what_stands_for_nothing_is_an_error_and_never_empty() {
        let why = fill("to {{ form }}", &known()).unwrap_err();
        assert!(
            why.says.contains("form") && why.says.contains("stands for nothing"),
            "{why:?}"
        );
        assert!(holds("form == 'x'", &known()).is_err());
        assert!(holds("form", &known()).is_err());
        assert!(holds("not form", &known()).is_err());
        assert!(fill("{{ slice", &known()).is_err());
        assert!(holds("slice ==", &known()).is_err());
    }

    #[test]
    fn conditions_know_numbers_and_words() {
        assert!(holds("rebuild > 60", &known()).unwrap());
        assert!(!holds("at_once == 'yes'", &known()).unwrap());
        assert!(
            holds("at_once != 'yes' and slice.startswith('web')", &known()).is_err(),
            "no methods of Python"
        );
        assert!(holds("at_once != 'yes' and slice is startingwith('web')", &known()).unwrap());
    }

    #[test]
    fn what_would_never_end_ends() {
        let long = "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}";
        let why = fill(long, &Words::new()).unwrap_err();
        assert!(why.says.contains("too many steps"), "{why:?}");
    }

    #[test]
    fn words_are_told_without_values() {
        let told = |text| words(text).unwrap().into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(
            told("{{ slice }} from {{ from }} {% if x %}y{% endif %}"),
            "from slice x"
        );
        assert_eq!(told("{% for it in list %}{{ it }}{% endfor %}"), "list");
        let of = words_of_condition("slice == 'a' or x > 3").unwrap();
        assert_eq!(of.into_iter().collect::<Vec<_>>(), ["slice", "x"]);
        assert!(words("{{ a").is_err() && words_of_condition("a b c").is_err());
    }

    #[test]
    fn fields_are_told_of_the_things_that_a_word_holds() {
        let told = |text| {
            fields_of_condition("facts", text)
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told("facts[host].lod < 8"), "lod");
        assert_eq!(
            told("facts.stor1.load > 1 or facts['a]b'] [\"raid\"][0].state == 'x'"),
            "load raid"
        );
        assert_eq!(told("facts[names[0]].load and facts[host][what]"), "load");
        assert_eq!(
            told("'facts[host].lod' == x and x.facts.y.lod and my_facts[host].lod"),
            ""
        );
        assert_eq!(told("facts[host"), "");
        assert_eq!(told("facts | length > 0 and facts.stor1 is defined"), "");
        let of_text = fields(
            "facts",
            "facts[x].no {{ facts[host].load }} and {% if facts[host].raid %}y{% endif %}",
        );
        assert_eq!(of_text.into_iter().collect::<Vec<_>>(), ["load", "raid"]);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_an_answer_or_an_error(text in ".{0,60}") {
            let _ = fill(&text, &known());
            let _ = holds(&text, &known());
            let _ = words(&text);
            let _ = words_of_condition(&text);
            let _ = (fields("facts", &text), fields_of_condition("facts", &text));
        }
    }
}
