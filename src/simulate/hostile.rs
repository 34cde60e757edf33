//! The catalogue of hostile SSH servers: each breaks one assumption of a client.

/// How a simulated host's SSH server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hostile {
    /// Sends its identification line and nothing more.
    BannerOnly,
    /// Sends lines before its identification, one byte a second, without end.
    BannerDrip,
    /// Closes the connection in the middle of the key exchange.
    KexClose,
    /// Presents another host key than the one in `known_hosts`.
    ChangedKey,
    /// Refuses every login.
    AuthDenied,
    /// Refuses every session channel after the first.
    OneSession,
    /// Accepts a channel, refuses every command.
    ExecRefused,
    /// Answers single commands and closes the channel without an exit status; the poll loop ends after its first frame.
    NoExitStatus,
    /// Accepts the command, then sends its answers one byte every 100 ms.
    SlowDrip,
    /// Accepts the command, then floods standard output.
    EndlessOutput,
    /// Answers with escape sequences in front of and inside every section.
    EscapeSequences,
    /// Answers with bytes that are no UTF-8 inside every section.
    InvalidUtf8,
    /// One section is a line of a megabyte.
    LongLine,
    /// Answers with random bytes.
    Garbage,
    /// Reads nothing any more once the command has started.
    HalfOpen,
}

impl Hostile {
    /// The whole catalogue.
    pub const ALL: &'static [Self] = &[
        Self::BannerOnly,
        Self::BannerDrip,
        Self::KexClose,
        Self::ChangedKey,
        Self::AuthDenied,
        Self::OneSession,
        Self::ExecRefused,
        Self::NoExitStatus,
        Self::SlowDrip,
        Self::EndlessOutput,
        Self::EscapeSequences,
        Self::InvalidUtf8,
        Self::LongLine,
        Self::Garbage,
        Self::HalfOpen,
    ];
}
