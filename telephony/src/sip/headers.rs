//! Reading single headers of a message. Pure; what can't be read is as if it were not there.

use rsipstack::sip::prelude::{HasHeaders, HeadersExt, ToTypedHeader};
use rsipstack::sip::typed::{Contact, RecordRoute};
use rsipstack::sip::{Header, Request, Response, Uri};

/// The value of the first header of that name.
pub(super) fn value<'a>(message: &'a impl HasHeaders, name: &str) -> Option<&'a str> {
    let mut headers = message.headers().iter();
    headers.find(|header| header.name().eq_ignore_ascii_case(name)).map(Header::value)
}

/// Whether a list header, as `Require`, holds this word.
pub(super) fn lists(message: &impl HasHeaders, name: &str, word: &str) -> bool {
    let headers = message.headers().iter();
    headers
        .filter(|header| header.name().eq_ignore_ascii_case(name))
        .flat_map(|header| header.value().split(','))
        .any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

/// The Q.850 cause of a `Reason` header (RFC 3326), among whatever other reasons there are.
pub(super) fn q850_cause(message: &impl HasHeaders) -> Option<u16> {
    let headers = message.headers().iter();
    let reasons = headers.filter(|header| header.name().eq_ignore_ascii_case("reason"));
    reasons.flat_map(|header| header.value().split(',')).find_map(cause)
}

/// `Q.850;cause=17;text="User busy"`.
fn cause(reason: &str) -> Option<u16> {
    let mut parts = reason.split(';');
    if !parts.next()?.trim().eq_ignore_ascii_case("q.850") {
        return None;
    }
    let number = parts.find_map(|part| {
        let (name, number) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("cause").then(|| number.trim().trim_matches('"'))
    })?;
    number.parse().ok().filter(|cause| (1..=127).contains(cause))
}

/// The sequence number of a message.
pub(super) fn cseq(message: &impl HeadersExt) -> Option<u32> {
    message.cseq_header().ok()?.seq().ok()
}

pub(super) fn call_id(message: &impl HeadersExt) -> Option<&str> {
    message.call_id_header().ok().map(|header| header.value())
}

pub(super) fn to_tag(message: &impl HeadersExt) -> Option<String> {
    let tag = message.to_header().ok()?.tag().ok()??;
    Some(tag.value().to_owned())
}

pub(super) fn from_tag(message: &impl HeadersExt) -> Option<String> {
    let tag = message.from_header().ok()?.tag().ok()??;
    Some(tag.value().to_owned())
}

/// Where the far end wants later requests.
pub(super) fn contact(message: &impl HeadersExt) -> Option<Uri> {
    let header = message.contact_header().ok()?;
    let contacts = Contact::parse_header_list(header.value()).ok()?;
    contacts.into_iter().next().map(|contact| contact.uri)
}

/// The way back through the proxies that asked for it, as the caller takes it.
pub(super) fn routes(response: &Response) -> Vec<Uri> {
    let headers = response.record_route_headers();
    let lists =
        headers.iter().filter_map(|header| RecordRoute::parse_header_list(header.value()).ok());
    let mut routes: Vec<Uri> = lists.flatten().map(|route| route.uri).collect();
    routes.reverse();
    routes
}

/// The number of a reliable provisional response (RFC 3262).
pub(super) fn reliable(response: &Response) -> Option<u32> {
    if !lists(response, "require", "100rel") {
        return None;
    }
    value(response, "rseq")?.trim().parse().ok()
}

/// The typed `From` of a request, with its tag.
pub(super) fn from(request: &Request) -> Option<rsipstack::sip::typed::From> {
    request.from_header().ok()?.typed().ok()
}

/// The key of an INFO request (`application/dtmf-relay`, `application/dtmf`).
pub(super) fn info_digit(request: &Request) -> Option<char> {
    let kind = value(request, "content-type")?.to_ascii_lowercase();
    let body = std::str::from_utf8(&request.body).ok()?;
    let key = match kind.split(';').next()?.trim() {
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, key) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| key.trim())
        })?,
        "application/dtmf" => body.trim(),
        _ => return None,
    };
    // Some send the number of the RFC 4733 event.
    let key = match key {
        "10" => "*",
        "11" => "#",
        key => key,
    };
    let mut keys = key.chars();
    let digit =
        keys.next().filter(|digit| digit.is_ascii_digit() || "*#ABCDabcd".contains(*digit))?;
    keys.next().is_none().then(|| digit.to_ascii_uppercase())
}

/// What a NOTIFY tells about a REFER (RFC 3515).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReferProgress {
    /// The status in its body.
    pub(super) code: u16,
    /// It is the last one.
    pub(super) last: bool,
    /// The CSeq of the REFER that it is about; there from the second REFER of a dialog on.
    pub(super) id: Option<u32>,
}

pub(super) fn refer_progress(request: &Request) -> Option<ReferProgress> {
    let event = value(request, "event")?.to_ascii_lowercase();
    let mut parts = event.split(';').map(str::trim);
    if parts.next() != Some("refer") {
        return None;
    }
    let id = parts.find_map(|part| part.strip_prefix("id=")).and_then(|id| id.parse().ok());
    let last = value(request, "subscription-state")
        .is_some_and(|state| state.trim().to_ascii_lowercase().starts_with("terminated"));
    let body = std::str::from_utf8(&request.body).ok()?;
    let line = body.lines().find(|line| line.starts_with("SIP/2.0 "))?;
    let code = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (100..700).contains(&code).then_some(ReferProgress { code, last, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        text.as_str().try_into().unwrap()
    }

    fn request(lines: &str, body: &str) -> Request {
        let text = format!(
            "INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INFO\r\n{lines}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        text.as_str().try_into().unwrap()
    }

    #[test]
    fn the_q850_cause_is_found_among_other_reasons() {
        for (lines, cause) in [
            ("", None),
            ("Reason: Q.850;cause=17;text=\"User busy\"\r\n", Some(17)),
            ("Reason: SIP;cause=486, q.850 ; cause = 20\r\n", Some(20)),
            ("Reason: SIP;cause=486\r\nReason: Q.850;cause=\"34\"\r\n", Some(34)),
            ("Reason: Q.850;cause=0\r\n", None),
            ("Reason: Q.850;cause=999999\r\n", None),
            ("Reason: Q.850\r\n", None),
        ] {
            assert_eq!(q850_cause(&response(lines)), cause, "{lines}");
        }
    }

    #[test]
    fn a_key_comes_by_info_in_the_forms_that_phones_send() {
        for (kind, body, key) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some('5')),
            ("application/dtmf-relay", "Signal= #\nDuration=160", Some('#')),
            ("application/dtmf-relay", "Signal=10\r\n", Some('*')),
            ("application/dtmf", "d", Some('D')),
            ("application/dtmf", "12", None),
            ("application/dtmf-relay", "Duration=160", None),
            ("text/plain", "5", None),
        ] {
            let info = request(&format!("Content-Type: {kind}\r\n"), body);
            assert_eq!(info_digit(&info), key, "{kind} {body}");
        }
    }

    #[test]
    fn a_notify_tells_how_a_transfer_goes() {
        let progress = |state: &str, body: &str| {
            let lines = format!("Event: refer; ID=7\r\nSubscription-State: {state}\r\n");
            let told = refer_progress(&request(&lines, body));
            told.map(|told| (told.code, told.last, told.id))
        };
        assert_eq!(
            progress("active;expires=60", "SIP/2.0 180 Ringing\r\n"),
            Some((180, false, Some(7)))
        );
        assert_eq!(
            progress("terminated;reason=noresource", "SIP/2.0 200 OK"),
            Some((200, true, Some(7)))
        );
        assert_eq!(progress("active", "rubbish"), None);
        assert_eq!(progress("active", "SIP/2.0 99999 X"), None);
        assert_eq!(refer_progress(&request("Event: presence\r\n", "SIP/2.0 200 OK")), None);
    }

    #[test]
    fn the_route_is_taken_from_the_far_end_backwards() {
        let response = response(
            "Record-Route: <sip:p3;lr>,<sip:p2;lr>\r\nRecord-Route: <sip:p1;transport=tcp;lr>\r\nRequire: foo, 100REL\r\n\
             RSeq: 9\r\n",
        );
        let routes: Vec<_> = routes(&response).iter().map(|uri| uri.host().to_string()).collect();
        assert_eq!(routes, ["p1", "p2", "p3"]);
        assert_eq!(reliable(&response), Some(9));
    }
}
