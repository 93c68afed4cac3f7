//! What is still to happen on a call, and when: earliest first, and in the order it was put down.

/// A handful of things, each with its millisecond.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    items: Vec<(u64, u32, T)>,
    next: u32,
}

impl<T> Agenda<T> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), next: 0 }
    }

    pub(super) fn put(&mut self, at_ms: u64, item: T) {
        self.items.push((at_ms, self.next, item));
        self.next = self.next.wrapping_add(1);
    }

    /// When the earliest is due.
    pub(super) fn due(&self) -> Option<u64> {
        self.earliest().map(|place| self.items[place].0)
    }

    /// Take the earliest, with its time.
    pub(super) fn take(&mut self) -> Option<(u64, T)> {
        let place = self.earliest()?;
        let (at, _, item) = self.items.swap_remove(place);
        Some((at, item))
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.items.retain(|(_, _, item)| keep(item));
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
    }

    fn earliest(&self) -> Option<usize> {
        (0..self.items.len()).min_by_key(|place| (self.items[*place].0, self.items[*place].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_order_of_time_and_then_of_being_put_down() {
        let mut agenda = Agenda::new();
        for (at, item) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            agenda.put(at, item);
        }
        agenda.retain(|item| *item != 'b');
        assert_eq!(agenda.due(), Some(1));
        let taken: String = std::iter::from_fn(|| agenda.take()).map(|(_, item)| item).collect();
        assert_eq!(taken, "acd");
    }
}
