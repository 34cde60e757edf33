//! Popups: layers on a stack above the page. The topmost gets the keys.

use super::{
    filter::Filter,
    index::ListKind,
    input::LineEdit,
    keymap::Context,
    palette::Palette,
    runbooks::{Menu, Planning, Stage, runs::Confirm},
};

/// One popup.
#[derive(Debug, Clone)]
pub enum Layer {
    /// The keys, from the keymap.
    Help(Help),
    /// The command line.
    Palette(Palette),
    /// A filter being typed; it works at once.
    Filter {
        /// What is typed.
        line: LineEdit,
        /// Which list it filters.
        kind: ListKind,
        /// What was in force before, for Esc.
        before: Filter,
    },
    /// A text to read.
    Message {
        /// Its heading.
        title: String,
        /// The text; wrapped when drawn.
        text: String,
        /// First line shown.
        scroll: u16,
    },
    /// The runbooks that apply to something.
    Menu(Menu),
    /// A plan: being made, refused, or to be consented to.
    Plan(Box<Planning>),
    /// A question before something is done to a run.
    Confirm(Box<Confirm>),
    /// Whether to leave while a run of this process is under way.
    Leave,
}

/// The help overlay.
#[derive(Debug, Clone, Default)]
pub struct Help {
    /// First line shown.
    pub scroll: u16,
    /// What is searched for.
    pub search: LineEdit,
    /// Whether the search is being typed.
    pub typing: bool,
}

impl Layer {
    /// Which keys count while it is on top.
    #[must_use]
    pub fn context(&self) -> Context {
        match self {
            Self::Palette(_) | Self::Filter { .. } => Context::Line,
            Self::Help(help) if help.typing => Context::Line,
            Self::Help(_) | Self::Message { .. } => Context::Overlay,
            Self::Menu(_) => Context::Menu,
            Self::Confirm(_) => Context::Consent,
            Self::Leave => Context::Leave,
            Self::Plan(planning) => match planning.stage {
                Stage::Ready(_) => Context::Consent,
                Stage::Refused(_) if !planning.glass().is_empty() => Context::Consent,
                Stage::Making { .. } | Stage::Refused(_) => Context::Overlay,
            },
        }
    }
}
