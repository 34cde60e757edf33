//! A runbook as far as its file could be read: what is wrong with the rest of it is said at once, not after the first
//! mistake is mended.

use super::definition::{About, Again, Definition, Kind, Parameter, Rolling, Step, ValueKind, Written};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A [`Definition`] in which anything may be missing, or was a mistake that has been reported.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draft {
    /// See [`Definition::name`].
    pub name: Option<String>,
    /// See [`Definition::title`].
    pub title: Option<String>,
    /// See [`Definition::kind`].
    pub kind: Option<Kind>,
    /// See [`Definition::about`].
    pub about: Option<About>,
    /// See [`Definition::parameters`].
    pub parameters: Option<BTreeMap<String, ParameterDraft>>,
    /// See [`Definition::checks`].
    pub checks: Vec<String>,
    /// See [`Definition::rolling`].
    pub rolling: Option<Rolling>,
    /// See [`Definition::again`].
    pub again: Option<Again>,
    /// See [`Definition::steps`].
    pub steps: Option<Vec<StepDraft>>,
}

/// A [`Parameter`] in which anything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterDraft {
    /// See [`Parameter::kind`].
    #[serde(rename = "type")]
    pub kind: Option<ValueKind>,
    /// See [`Parameter::default`].
    pub default: Option<String>,
    /// See [`Parameter::one_of`].
    pub one_of: Vec<String>,
    /// See [`Parameter::about`].
    pub about: String,
}

/// A [`Step`] in which anything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepDraft {
    /// See [`Step::action`].
    #[serde(rename = "do")]
    pub action: Option<String>,
    /// See [`Step::with`].
    pub with: BTreeMap<String, Written>,
    /// See [`Step::when`].
    pub when: Option<String>,
    /// See [`Step::why`].
    pub why: Option<String>,
}

impl Draft {
    /// The runbook; `None` while something that it needs is missing.
    #[must_use]
    pub fn whole(self) -> Option<Definition> {
        let parameters = self.parameters?.into_iter();
        Some(Definition {
            name: self.name?,
            title: self.title?,
            kind: self.kind?,
            about: self.about?,
            parameters: parameters
                .map(|(name, parameter)| Some((name, parameter.whole()?)))
                .collect::<Option<_>>()?,
            checks: self.checks,
            rolling: self.rolling,
            again: self.again,
            steps: self.steps?.into_iter().map(StepDraft::whole).collect::<Option<_>>()?,
        })
    }
}

impl ParameterDraft {
    fn whole(self) -> Option<Parameter> {
        Some(Parameter {
            kind: self.kind?,
            default: self.default,
            one_of: self.one_of,
            about: self.about,
        })
    }
}

impl StepDraft {
    fn whole(self) -> Option<Step> {
        Some(Step {
            action: self.action?,
            with: self.with,
            when: self.when,
            why: self.why?,
        })
    }
}
