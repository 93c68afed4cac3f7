//! The seat of a delivery: which job sits in it, and which one Redis knows there.
//!
//! A handler may let another job follow in the seat of its own. Redis is told of it a little later, so for a moment the two
//! differ. Whoever settles the seat goes by what Redis knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::scripts::{Adoption, Leased};

/// The seat of one delivery. Its ticket and the engine, which talks to Redis, share it.
#[derive(Debug)]
pub(crate) struct Seat(Mutex<Sitting>);

#[derive(Debug)]
struct Sitting {
    /// The job that Redis knows in this seat.
    known: Leased,
    /// The job that sits here by now, with its payload. Only the last one is kept: those between were over before
    /// Redis heard of them.
    follows: Option<(Arc<str>, Vec<u8>)>,
    /// The seat is on the list of those that Redis is told of.
    listed: bool,
}

impl Seat {
    pub(crate) fn new(leased: Leased) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Sitting { known: leased, follows: None, listed: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Sitting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job that Redis knows in this seat.
    pub(crate) fn known(&self) -> Leased {
        self.lock().known.clone()
    }

    /// Another job takes the seat. Returns whether the seat must be put on the list of those that Redis is told of.
    pub(crate) fn adopt(&self, id: Arc<str>, payload: Vec<u8>) -> bool {
        let mut sitting = self.lock();
        sitting.follows = Some((id, payload));
        !std::mem::replace(&mut sitting.listed, true)
    }

    /// The adoption that Redis has not heard of yet, if there is one.
    pub(crate) fn adoption(&self) -> Option<Adoption> {
        let mut sitting = self.lock();
        sitting.listed = false;
        let (id, payload) = sitting.follows.clone()?;
        let follows = Leased { id, deliveries: 1, ..sitting.known.clone() };
        Some(Adoption { done: sitting.known.clone(), follows, payload })
    }

    /// Redis knows of this adoption by now.
    pub(crate) fn adopted(&self, told: &Adoption) {
        let mut sitting = self.lock();
        sitting.known = told.follows.clone();
        sitting.follows = sitting.follows.take().filter(|(id, _)| *id != told.follows.id);
    }
}
