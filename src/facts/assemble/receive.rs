//! How one section of an answer becomes a reading.

use crate::facts::{
    reading::{Reading, State, UnixMs, Why},
    scan::failed,
    section::{Section, SectionStatus},
    text::CleanText,
};
use std::{borrow::Cow, sync::Arc};

/// One section of an answer.
pub(super) struct Answer<'a> {
    pub(super) section: Section,
    pub(super) status: &'a SectionStatus,
    pub(super) content: &'a [u8],
    pub(super) at: UnixMs,
}

/// What a section did to a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing: it is not known to be as it was.
    #[default]
    None,
    /// The value was confirmed.
    Renewed,
    /// There is another value, or none any more.
    Changed,
}

impl Change {
    /// Keeps the greater of both.
    pub(super) fn add(&mut self, other: Self) {
        *self = other.max(*self);
    }
}

impl Answer<'_> {
    /// Works the section into a reading.
    pub(super) fn into<T: PartialEq>(
        &self,
        reading: &mut Reading<T>,
        parse: impl FnOnce(&str) -> Result<T, Why>,
    ) -> Change {
        let why = match self.status {
            SectionStatus::Ok => return set(reading, parse(&self.text()), self.at),
            SectionStatus::Same => return renew(reading, self.at),
            SectionStatus::Begin => return Change::None,
            SectionStatus::Absent => {
                if reading.is_absent() {
                    reading.at = self.at;
                    return Change::Renewed;
                }
                *reading = Reading::absent(self.at);
                return Change::Changed;
            }
            SectionStatus::Denied => Why::Denied(CleanText::new(self.text().lines().next().unwrap_or("").trim())),
            SectionStatus::Exit(code) => match self.despite(*code, parse) {
                Ok(value) => return set(reading, Ok(value), self.at),
                Err(why) => why,
            },
            SectionStatus::Stuck => self.stuck(),
            SectionStatus::Unknown(word) => Why::Garbled(CleanText::from(format!("status {word}"))),
        };
        set(reading, Err(why), self.at)
    }

    fn text(&self) -> Cow<'_, str> {
        // Nearly all is plain ASCII, which this check passes in a fraction of the time.
        match std::str::from_utf8(self.content) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(self.content),
        }
    }

    /// A command that failed may have told enough all the same.
    fn despite<T>(&self, code: i32, parse: impl FnOnce(&str) -> Result<T, Why>) -> Result<T, Why> {
        let text = self.text();
        let failed = failed(code, &text);
        match (self.section, code) {
            // timeout(1) ended it, the second time with SIGKILL.
            (_, 124 | 137) => Err(Why::Hung(CleanText::from(format!(
                "{}: {}",
                self.section.name(),
                text.trim()
            )))),
            (Section::Zpool | Section::ZpoolList, _) if text.contains("no pools available") => parse(&text),
            // One filesystem that cannot be looked at makes df end with 1: the others count.
            (Section::Df, 1) if text.trim_start().starts_with("Filesystem") => parse(&text).map_err(|_| failed),
            (Section::Mysql, _) if text.contains("#version") => parse(&text).map_err(|_| failed),
            _ => Err(failed),
        }
    }

    /// The content is `seconds state`.
    fn stuck(&self) -> Why {
        let text = self.text();
        let mut words = text.split_ascii_whitespace();
        let seconds = words.next().and_then(|word| word.parse::<u64>().ok());
        let state = words.next().filter(|word| word.len() == 1).unwrap_or("?");
        let name = self.section.name();
        Why::Hung(match seconds {
            Some(seconds) => CleanText::from(format!("{name} for {seconds} s, in state {state}")),
            None => CleanText::from(format!("{name}, in state {state}")),
        })
    }
}

/// Sets a reading; a value equal to the one before stays shared with earlier snapshots.
pub(super) fn set<T: PartialEq>(reading: &mut Reading<T>, value: Result<T, Why>, at: UnixMs) -> Change {
    reading.at = at;
    let state = match value {
        Ok(value) => match &reading.state {
            State::Known(old) if **old == value => return Change::Renewed,
            _ => State::Known(Arc::new(value)),
        },
        Err(why) => State::Unknown(why),
    };
    if reading.state == state {
        return Change::Renewed;
    }
    reading.state = state;
    Change::Changed
}

/// Nothing has changed on the host since it last sent the section. Where that value was dropped
/// meanwhile, or never came, there is nothing to renew.
fn renew<T>(reading: &mut Reading<T>, at: UnixMs) -> Change {
    if matches!(&reading.state, State::Unknown(Why::NotAsked | Why::Hung(_))) {
        return Change::None;
    }
    reading.at = at;
    Change::Renewed
}
