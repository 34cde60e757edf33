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

    proptest! {
        #[test]
        fn whatever_is_written_is_an_answer_or_an_error(text in ".{0,60}") {
            let _ = fill(&text, &known());
            let _ = holds(&text, &known());
            let _ = words(&text);
            let _ = words_of_condition(&text);
        }
    }
}
