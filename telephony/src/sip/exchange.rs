//! One request and its final answer.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::authenticate::{AuthRetry, Credential, handle_client_authenticate};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::Transaction;

use super::dialog::Sequence;
use super::endpoint::{Endpoint, kind};
use super::flow::Flow;

/// The stack gives up a request after 32 s; a challenge may double that.
const ANSWER_WAIT: Duration = Duration::from_secs(70);

/// Send a request, prove who we are where that is asked for, and wait for the final answer. None: there is none.
///
/// An answered INVITE (a re-INVITE) is acknowledged, and goes on to be while its answer may be repeated.
pub(super) async fn exchange(
    endpoint: &Arc<Endpoint>,
    flow: &Flow,
    request: Request,
    credential: Option<&Credential>,
    sequence: &Sequence,
) -> Option<Response> {
    let transaction = endpoint.client(flow, request)?;
    let answering = answered(transaction, credential, sequence);
    tokio::time::timeout(ANSWER_WAIT, answering).await.ok().flatten()
}

async fn answered(
    mut transaction: Transaction,
    credential: Option<&Credential>,
    sequence: &Sequence,
) -> Option<Response> {
    let mut retry = AuthRetry::new();
    send(&mut transaction).await?;
    while let Some(message) = transaction.receive().await {
        let SipMessage::Response(response) = message else { continue };
        match response.status_code.code() {
            100..=199 => {}
            401 | 407 if credential.is_some() && retry.should_answer(&response) => {
                transaction = signed(&transaction, response, credential?, sequence).await?;
                send(&mut transaction).await?;
            }
            _ => {
                if transaction.original.method == Method::Invite {
                    tokio::spawn(async move { while transaction.receive().await.is_some() {} });
                }
                return Some(response);
            }
        }
    }
    None
}

/// The same request with proof of who we are.
pub(super) async fn signed(
    transaction: &Transaction,
    challenge: Response,
    credential: &Credential,
    sequence: &Sequence,
) -> Option<Transaction> {
    let signed =
        handle_client_authenticate(sequence.next(), transaction, challenge, credential).await;
    let mut signed = signed
        .inspect_err(|error| tracing::debug!(cause = kind(error), "a challenge can't be answered"))
        .ok()?;
    for header in signed.original.headers.iter_mut() {
        let proof = match header {
            Header::Authorization(proof) => &mut proof.0,
            Header::ProxyAuthorization(proof) => &mut proof.0,
            _ => continue,
        };
        // The stack writes quotes that the grammar has not (RFC 3261, section 25.1); some believe no such proof.
        *proof =
            proof.replace("qop=\"auth\"", "qop=auth").replace("qop=\"auth-int\"", "qop=auth-int");
    }
    Some(signed)
}

async fn send(transaction: &mut Transaction) -> Option<()> {
    let method = transaction.original.method;
    let sent = transaction.send().await;
    sent.inspect_err(
        |error| tracing::debug!(%method, cause = kind(error), "a request was not sent"),
    )
    .ok()
}
