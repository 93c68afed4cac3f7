//! A dialog (RFC 3261, section 12): what each later request of a call is made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::typed::{From as FromHeader, Route, To};
use rsipstack::sip::{Header, Method, Request, Response, Uri};

use super::endpoint::Endpoint;
use super::flow::Flow;
use super::headers;

/// Counts the requests of one call. One number is never used twice, whoever sends.
#[derive(Debug, Clone)]
pub(super) struct Sequence(Arc<AtomicU32>);

impl Sequence {
    /// The first request has number 1.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

    pub(super) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    call_id: String,
    ours: FromHeader,
    theirs: To,
    sequence: Sequence,
    /// The number of their last request.
    their_sequence: Option<u32>,
    target: Uri,
    routes: Vec<Uri>,
    contact: Uri,
}

impl Dialog {
    /// The dialog that a response to our INVITE opens. None: the response lacks what a dialog needs.
    pub(super) fn opened(
        invite: &Request,
        response: &Response,
        sequence: &Sequence,
    ) -> Option<Self> {
        let target = headers::contact(response).unwrap_or_else(|| invite.uri.clone());
        Some(Self {
            call_id: headers::call_id(invite)?.to_owned(),
            ours: headers::from(invite)?,
            theirs: response.to_header().ok()?.typed().ok()?,
            sequence: sequence.clone(),
            their_sequence: None,
            target,
            routes: headers::routes(response),
            contact: headers::contact(invite)?,
        })
    }

    /// Whether a request of the far end belongs to it: the other answers of a forked call have other tags.
    pub(super) fn holds(&self, request: &Request) -> bool {
        let ours = self.ours.tag().map(|tag| tag.value());
        let theirs = self.theirs.tag().map(|tag| tag.value());
        headers::to_tag(request).as_deref() == ours
            && headers::from_tag(request).as_deref() == theirs
    }

    /// Whether a request comes after those that were seen. Then it is the last one seen.
    pub(super) fn follows(&mut self, request: &Request) -> bool {
        let number = headers::cseq(request);
        let follows = number.is_some() && number > self.their_sequence;
        if follows {
            self.their_sequence = number;
        }
        follows
    }

    /// The far end may move with a re-INVITE or an UPDATE, and with our own's answer.
    pub(super) fn moved(&mut self, contact: Option<Uri>) {
        if let Some(contact) = contact {
            self.target = contact;
        }
    }

    /// Where its requests go: the first proxy of the route, else the far end.
    pub(super) fn next_hop(&self) -> &Uri {
        self.routes.first().unwrap_or(&self.target)
    }

    pub(super) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Our own address, as the far end was told.
    pub(super) fn contact(&self) -> Header {
        Header::Contact(format!("<{}>", self.contact).into())
    }

    pub(super) fn request(&self, method: Method, endpoint: &Endpoint, flow: &Flow) -> Request {
        let mut request = endpoint.stack().make_request(
            method,
            self.target.clone(),
            endpoint.via(flow),
            self.ours.clone(),
            self.theirs.clone(),
            self.sequence.next(),
            Some(self.call_id.clone().into()),
        );
        for route in &self.routes {
            request.headers.push(Route::from(route.clone()).into());
        }
        if method != Method::Bye && method != Method::PRack {
            request.headers.push(self.contact());
        }
        request
    }
}
