//! A reading: one value with its time, and whether it is known, unknown or absent.

use super::text::CleanText;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};

/// A point in time as the console's clock shows it: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for UnixMs {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// Why a value is not known. Unknown is a value: it is shown, and it never satisfies a guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The host has not been asked yet, or has not answered yet.
    NotAsked,
    /// The host did not let us; the text says what root (or a group) would add.
    Denied(CleanText),
    /// The command failed.
    Failed(CleanText),
    /// The source did not answer in time; the text names it.
    Hung(CleanText),
    /// What came back is not in a form we know.
    Garbled(CleanText),
    /// A rate needs two samples, or a counter was reset between them.
    NoBaseline,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not read yet"),
            Self::Denied(text) => write!(f, "not permitted: {text}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Hung(text) => write!(f, "no answer: {text}"),
            Self::Garbled(text) => write!(f, "not understood: {text}"),
            Self::NoBaseline => f.write_str("needs a second sample"),
        }
    }
}

/// One value with its time and one of three states. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    /// When the state was last confirmed, by the console's clock.
    pub at: UnixMs,
    /// What is known.
    pub state: State<T>,
}

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum State<T> {
    /// The value.
    Known(Arc<T>),
    /// It should be there, but could not be read.
    Unknown(Why),
    /// It is not there: no such subsystem on this host.
    Absent,
}

impl<T> Reading<T> {
    /// A known value.
    #[must_use]
    pub fn known(value: T, at: UnixMs) -> Self {
        Self {
            at,
            state: State::Known(Arc::new(value)),
        }
    }

    /// A value that could not be read.
    #[must_use]
    pub const fn unknown(why: Why, at: UnixMs) -> Self {
        Self {
            at,
            state: State::Unknown(why),
        }
    }

    /// A value that does not exist on this host.
    #[must_use]
    pub const fn absent(at: UnixMs) -> Self {
        Self {
            at,
            state: State::Absent,
        }
    }

    /// The value, if it is known.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        match &self.state {
            State::Known(value) => Some(value),
            State::Unknown(_) | State::Absent => None,
        }
    }

    /// Why the value is unknown, if it is.
    #[must_use]
    pub const fn why(&self) -> Option<&Why> {
        match &self.state {
            State::Unknown(why) => Some(why),
            State::Known(_) | State::Absent => None,
        }
    }

    /// Whether the subsystem does not exist on this host.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self.state, State::Absent)
    }
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self::unknown(Why::NotAsked, UnixMs(0))
    }
}

/// Declares an enum of a vendor's words. A word that is not listed is kept as `Unknown(word)` and
/// shown; it is never an error and never a healthy state.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$word_doc])* $word,)+
            /// A word this version does not know, as the host printed it.
            Unknown($crate::facts::CleanText),
        }

        impl $type {
            /// Reads a word; any word is accepted.
            #[must_use]
            pub fn parse(word: &str) -> Self {
                match word {
                    $($text => Self::$word,)+
                    other => Self::Unknown($crate::facts::CleanText::new(other)),
                }
            }

            /// The word as the vendor writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)+
                    Self::Unknown(word) => word,
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;
