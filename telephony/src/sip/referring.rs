//! Which of our REFERs a NOTIFY is about: what is heard of one that is over must not count for the next.

use super::headers::ReferProgress;

/// REFERs that are remembered. A call with more of them is over by then.
const OVER_MAX: usize = 64;

/// The REFERs of one call: one is open at a time.
#[derive(Debug, Default)]
pub(super) struct Referring {
    open: bool,
    /// The id that its NOTIFYs name.
    id: Option<u32>,
    /// Ids of those that are over.
    over: Vec<u32>,
}

impl Referring {
    /// A REFER is sent.
    pub(super) fn begin(&mut self) {
        self.end();
        self.open = true;
    }

    /// Whether a NOTIFY is about the REFER that is open.
    pub(super) fn is_about(&mut self, told: ReferProgress) -> bool {
        let old = told.id.is_some_and(|id| self.over.contains(&id));
        if !self.open || old {
            return false;
        }
        self.id = self.id.or(told.id);
        self.id == told.id || told.id.is_none()
    }

    /// Its end is known: what comes later of it tells nothing.
    pub(super) fn end(&mut self) {
        if let Some(id) = self.id.take().filter(|_| self.over.len() < OVER_MAX) {
            self.over.push(id);
        }
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: Option<u32>) -> ReferProgress {
        ReferProgress { code: 486, last: false, id }
    }

    #[test]
    fn what_is_heard_of_a_refer_that_is_over_counts_for_no_other() {
        let mut referring = Referring::default();
        assert!(!referring.is_about(told(None)), "nothing was asked");
        referring.begin();
        assert!(referring.is_about(told(Some(2))));
        referring.end();
        assert!(!referring.is_about(told(Some(2))), "it is told a second time");
        referring.begin();
        assert!(!referring.is_about(told(Some(2))), "late, of the first");
        assert!(referring.is_about(told(Some(5))) && referring.is_about(told(None)));
        assert!(!referring.is_about(told(Some(9))), "of none of ours");
    }
}
