//! Tones.

/// What a network's tone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// The line waits for digits.
    Dial,
    /// The callee's phone rings.
    Ringback,
    /// The callee is busy.
    Busy,
    /// The network is (congestion, reorder).
    Congestion,
    /// Three rising tones ahead of an announcement: the number can't be had.
    SpecialInformation,
}
