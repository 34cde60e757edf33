//! Asks a person, who answers by typing a word in full.

use super::{Action, Argument, Given, Takes};
use crate::runbook::operation::{Nature, Operation, Place, Question, Work};
use std::time::Duration;

/// `ask`.
#[derive(Debug)]
pub struct Ask;

impl Action for Ask {
    fn name(&self) -> &'static str {
        "ask"
    }

    fn about(&self) -> &'static str {
        "ask a person, who answers by typing a word in full; anything else takes the run back"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            Argument {
                name: "question",
                optional: false,
                takes: Takes::Text,
                about: "what to look at before answering",
            },
            Argument {
                name: "word",
                optional: false,
                takes: Takes::Text,
                about: "the word that means yes",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (text, word) = (given.text("question")?, given.text("word")?);
        if word.trim().is_empty() {
            return Err("the word that means yes is empty".into());
        }
        Ok(Operation {
            place: Place::Console,
            says: format!("ask: {text}"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Ask(Question {
                text: text.to_owned(),
                word: word.to_owned(),
            }),
            proof: Vec::new(),
            deadline: Duration::from_hours(24),
            settles_within: Duration::ZERO,
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
