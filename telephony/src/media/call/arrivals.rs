//! How often a call looks at its socket: a look that finds nothing costs nearly as much as one that finds a packet.
//!
//! A peer sends a packet a frame. Once as many have come as frames have passed, nothing more is looked for, but for every
//! sixteenth frame, when the socket is emptied. Where that brings more than was owed, the peer sends shorter packets, or a
//! burst came: then it is emptied each time until that has passed.

/// Frames between two times that the socket is emptied.
const EMPTIED_EVERY: u32 = 16;
/// Packets that may be owed. A peer that was silent for long sends no more at a time when it is back.
const OWED_MAX: u32 = 16;

/// The packets of one call.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Frames that passed without a packet.
    owed: u32,
    /// So many looks empty the socket.
    eager: u32,
    /// Looks since it was emptied.
    looks: u32,
}

/// One look.
#[derive(Debug)]
pub(super) struct Look {
    owed: u32,
    empties: bool,
    extra: bool,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { owed: 0, eager: EMPTIED_EVERY, looks: 0 }
    }

    /// So many frames have passed since the last look.
    pub(super) fn look(&mut self, frames: u32) -> Look {
        self.looks += 1;
        let empties = self.eager > 0 || self.looks >= EMPTIED_EVERY;
        Look { owed: self.owed.saturating_add(frames).min(OWED_MAX), empties, extra: false }
    }

    /// The look is over: the socket is empty, or all that was wanted has come.
    pub(super) fn looked(&mut self, look: &Look) {
        self.owed = look.owed;
        if look.empties {
            self.looks = 0;
            self.eager = if look.extra { EMPTIED_EVERY } else { self.eager.saturating_sub(1) };
        }
    }
}

impl Look {
    /// Whether another packet is wanted.
    pub(super) fn goes_on(&self) -> bool {
        self.empties || self.owed > 0
    }

    /// A packet of the call came.
    pub(super) fn came(&mut self) {
        self.extra |= self.owed == 0;
        self.owed = self.owed.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a socket for so many frames; `coming` packets come before each. Gives the looks that found nothing,
    /// and what waits at the end.
    fn looks(arrivals: &mut Arrivals, frames: u32, coming: impl Fn(u32) -> u32) -> (u32, u32) {
        let (mut waiting, mut empty) = (0, 0);
        for frame in 0..frames {
            waiting += coming(frame);
            let mut look = arrivals.look(1);
            while look.goes_on() {
                if waiting == 0 {
                    empty += 1;
                    break;
                }
                waiting -= 1;
                look.came();
            }
            arrivals.looked(&look);
        }
        (empty, waiting)
    }

    #[test]
    fn a_steady_stream_is_looked_at_once_a_frame() {
        let mut arrivals = Arrivals::new();
        looks(&mut arrivals, 20, |_| 1);
        let (empty, waiting) = looks(&mut arrivals, 160, |_| 1);
        assert_eq!((empty, waiting), (10, 0));
    }

    #[test]
    fn packets_of_ten_milliseconds_never_pile_up() {
        let mut arrivals = Arrivals::new();
        for _ in 0..50 {
            assert_eq!(looks(&mut arrivals, 3, |_| 2).1, 0);
        }
    }

    #[test]
    fn late_packets_are_taken_as_soon_as_they_are_there() {
        let mut arrivals = Arrivals::new();
        looks(&mut arrivals, 20, |_| 1);
        // Five frames without one, then all at once.
        assert_eq!(looks(&mut arrivals, 6, |frame| if frame == 5 { 6 } else { 0 }).1, 0);
    }

    #[test]
    fn more_than_was_owed_is_taken_within_sixteen_frames() {
        let mut arrivals = Arrivals::new();
        looks(&mut arrivals, 20, |_| 1);
        let burst = |frame| if frame == 0 { 4 } else { 1 };
        assert_eq!(looks(&mut arrivals, EMPTIED_EVERY, burst).1, 0);
    }
}
