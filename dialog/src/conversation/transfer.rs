//! Handing the customer to a person: what is said while one is looked for, and what follows.
//!
//! Whoever runs the call looks for the person, rings them and joins the two. Here it is only known that it is asked
//! for, that somebody is on the line, or that nobody came.

use super::{Conversation, Millis, Output, Stage};
use crate::navigation::{NodeKind, TransferTo};
use crate::transcript::EntryKind;

/// How long after its own time a transfer may go untold, in milliseconds. Then it has failed.
const GRACE_MS: Millis = 30_000;
/// The time that a transfer takes at least, in milliseconds: one that fails at once and is tried again must not ring a busy
/// phone as fast as it can.
const TRANSFER_MS_MIN: Millis = 3_000;
/// Transfers of one call. Then it is ended as going round in circles.
const TRANSFERS_MAX: u64 = 50;

/// A wish to hand the customer to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRequest {
    /// Counts up from 1 within the call; what comes of it names it.
    pub id: u64,
    /// Who is wanted.
    pub to: TransferTo,
    /// How long each phone may ring, in milliseconds.
    pub ring_ms: Millis,
    /// How long people are looked for and rung in all, in milliseconds.
    pub wait_ms: Millis,
}

/// The person who took the call.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[schemars(rename = "TransferredTo")]
pub struct Person {
    /// Empty where a fixed number was called.
    pub employee_number: String,
    /// Empty where a fixed number was called.
    pub name: String,
}

/// A transfer that is under way, or has come to somebody.
#[derive(Debug)]
pub(super) struct TransferStage {
    id: u64,
    gives_up_at: Millis,
    /// Somebody is on the line: the robot is off the call for good.
    connected: bool,
    /// When the waiting customer hears the message next. None: it is being said, or there is none.
    message_at: Option<Millis>,
    began_at: Millis,
    /// Nobody came, and the call goes on at this time.
    failed_until: Option<Millis>,
    otherwise: Option<String>,
}

impl TransferStage {
    /// It is still waited for.
    fn is_open(&self) -> bool {
        !self.connected && self.failed_until.is_none()
    }
}

/// What waiting customers hear, again and again.
#[derive(Debug, Clone)]
pub(super) struct QueueMessage {
    pub(super) text: String,
    pub(super) sound: Option<String>,
    pub(super) every_ms: Millis,
}

impl Conversation {
    pub(super) fn enter_transfer(&mut self, node: &NodeKind) {
        let NodeKind::Transfer { to, ring_seconds, wait_seconds, otherwise } = node else { return };
        if self.transfers == TRANSFERS_MAX {
            return self.hang_up("the navigation goes round in circles");
        }
        self.transfers += 1;
        self.tally.transferred = true;
        let request = TransferRequest {
            id: self.transfers,
            to: to.clone(),
            ring_ms: Millis::from(*ring_seconds) * 1_000,
            wait_ms: Millis::from(*wait_seconds) * 1_000,
        };
        self.log(EntryKind::TransferRequest, to.to_string());
        self.stage = Stage::Transfer(TransferStage {
            id: request.id,
            gives_up_at: self.now + request.wait_ms + request.ring_ms + GRACE_MS,
            connected: false,
            message_at: self.queue_message.is_some().then_some(self.now),
            began_at: self.now,
            failed_until: None,
            otherwise: otherwise.clone(),
        });
        self.out.push(Output::Transfer(request));
    }

    /// A phone of somebody rings.
    pub(super) fn transfer_rings(&mut self, id: u64, who: &str) {
        if self.transfer(id).is_some() {
            self.log(EntryKind::TransferRinging, who);
        }
    }

    /// Somebody is on the line with the customer.
    pub(super) fn transfer_connected(&mut self, id: u64, person: Person) {
        let Some(transfer) = self.transfer(id) else { return };
        transfer.connected = true;
        transfer.message_at = None;
        self.log(EntryKind::TransferConnected, &person.employee_number);
        self.tally.person = Some(person);
        self.stop_playing();
    }

    /// Nobody came.
    pub(super) fn transfer_failed(&mut self, id: u64, why: &str) {
        let now = self.now;
        let Some(transfer) = self.transfer(id) else { return };
        let until = transfer.began_at + TRANSFER_MS_MIN;
        if until > now {
            transfer.failed_until = Some(until);
            return self.log(EntryKind::TransferFailed, why);
        }
        self.log(EntryKind::TransferFailed, why);
        self.go_on_without();
    }

    /// Nobody came: the call goes on otherwise.
    fn go_on_without(&mut self) {
        let Stage::Transfer(transfer) = &mut self.stage else { return };
        let otherwise = transfer.otherwise.take();
        self.stop_playing();
        // It is over: nobody has to take it back.
        self.stage = Stage::Playing { next: None };
        self.enter(otherwise);
    }

    /// The transfer that is still waited for, if it is this one.
    fn transfer(&mut self, id: u64) -> Option<&mut TransferStage> {
        match &mut self.stage {
            Stage::Transfer(transfer) if transfer.id == id && transfer.is_open() => Some(transfer),
            _ => None,
        }
    }

    /// A transfer that is waited for is wanted no longer: the call is over.
    pub(super) fn close_transfer(&mut self) {
        if let Stage::Transfer(TransferStage { id, failed_until: None, .. }) = &self.stage {
            self.out.push(Output::CancelTransfer { id: *id });
        }
    }

    pub(super) fn transfer_due_at(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Transfer(TransferStage { failed_until: Some(until), .. }) => Some(*until),
            Stage::Transfer(transfer) if !transfer.connected => Some(
                transfer.message_at.map_or(transfer.gives_up_at, |at| at.min(transfer.gives_up_at)),
            ),
            _ => None,
        }
    }

    /// What the time brings while a person is looked for.
    pub(super) fn transfer_overdue(&mut self) {
        let now = self.now;
        let Stage::Transfer(transfer) = &mut self.stage else { return };
        if transfer.connected {
            return;
        }
        if let Some(until) = transfer.failed_until {
            if until <= now {
                self.go_on_without();
            }
            return;
        }
        if transfer.gives_up_at <= now {
            let id = transfer.id;
            self.out.push(Output::CancelTransfer { id });
            return self.transfer_failed(id, "nothing was heard of it");
        }
        if transfer.message_at.is_some_and(|at| at <= now)
            && let Some(message) = &self.queue_message
        {
            // The next time is set when it has been heard.
            transfer.message_at = None;
            let QueueMessage { text, sound, .. } = message.clone();
            self.announce(&text, sound.as_deref());
        }
    }

    /// The message was heard: it comes again after its time.
    pub(super) fn queue_message_ended(&mut self) {
        let now = self.now;
        let every_ms = self.queue_message.as_ref().map(|message| message.every_ms);
        if let Stage::Transfer(transfer) = &mut self.stage
            && !transfer.connected
            && transfer.message_at.is_none()
        {
            transfer.message_at = every_ms.map(|every_ms| now + every_ms);
        }
    }
}
