//! Three-valued truth: what is not known satisfies no guard.

use std::fmt;

/// Whether something holds, with the fact that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds; the text names what was seen.
    Yes(String),
    /// It does not hold; the text names what was seen instead.
    No(String),
    /// It cannot be told; the text says why. Never treated as yes, and never as no.
    Unknown(String),
}

impl Truth {
    /// Whether it is known to hold.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    /// Whether it is known not to hold.
    #[must_use]
    pub const fn fails(&self) -> bool {
        matches!(self, Self::No(_))
    }

    /// What was seen, or why nothing was.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Yes(text) | Self::No(text) | Self::Unknown(text) => text,
        }
    }

    /// `yes`, `no` or `unknown`: what two looks at the same state have in common, where the words of an unknown tell only
    /// how the last one failed.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Yes(_) => "yes",
            Self::No(_) => "no",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Both: a known no decides, then an unknown, and only two yes make a yes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No(text), _) | (_, Self::No(text)) => Self::No(text),
            (Self::Unknown(text), _) | (_, Self::Unknown(text)) => Self::Unknown(text),
            (Self::Yes(one), Self::Yes(two)) => Self::Yes(format!("{one}; {two}")),
        }
    }

    /// Either: a known yes decides, then an unknown, and only two no make a no.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes(text), _) | (_, Self::Yes(text)) => Self::Yes(text),
            (Self::Unknown(text), _) | (_, Self::Unknown(text)) => Self::Unknown(text),
            (Self::No(one), Self::No(two)) => Self::No(format!("{one}; {two}")),
        }
    }

    /// Yes or no by a comparison, with the same words either way.
    #[must_use]
    pub fn of(holds: bool, seen: impl Into<String>) -> Self {
        if holds {
            Self::Yes(seen.into())
        } else {
            Self::No(seen.into())
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes(text) | Self::No(text) => f.write_str(text),
            Self::Unknown(text) => write!(f, "not known: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_never_becomes_yes() {
        let values = [
            Truth::Yes("y".into()),
            Truth::No("n".into()),
            Truth::Unknown("u".into()),
        ];
        for one in &values {
            for two in &values {
                let both = one.clone().and(two.clone());
                assert_eq!(both.holds(), one.holds() && two.holds());
                assert_eq!(both.fails(), one.fails() || two.fails());
                let either = one.clone().or(two.clone());
                assert_eq!(either.holds(), one.holds() || two.holds());
                assert_eq!(either.fails(), one.fails() && two.fails());
            }
        }
    }
}
