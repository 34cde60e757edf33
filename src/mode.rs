//! What this process may do. Read-only is a missing capability, not a hidden key: whatever can change a
//! host is built from [`ReadWrite`] alone, and a read-only process never holds one.

/// The permission to change hosts. There is no way to make one from [`Mode::ReadOnly`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadWrite(());

/// Whether this process may change anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// It can only look.
    ReadOnly,
    /// It may act; carries the permission.
    ReadWrite(ReadWrite),
}

impl Mode {
    /// The mode asked for on the command line; a wall is always read-only.
    #[must_use]
    pub const fn new(read_only: bool, wall: bool) -> Self {
        if read_only || wall {
            Self::ReadOnly
        } else {
            Self::ReadWrite(ReadWrite(()))
        }
    }

    /// Whether it can only look.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_is_read_only_whatever_else_is_asked() {
        assert!(Mode::new(false, true).is_read_only());
        assert!(Mode::new(true, false).is_read_only());
        assert!(!Mode::new(false, false).is_read_only());
    }
}
