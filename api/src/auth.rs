//! Who asks, and what they may do.
//!
//! A key (`Authorization: Bearer cw_…`) names an enterprise, a role and permissions. Only its hash is
//! stored. The enterprise of every read and write comes from the key, never from the request.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use outbound::api_key::{Permission, Role};
use outbound::audit::Action;
use outbound::ids::{ApiKeyId, EnterpriseId};
use outbound::mask;
use outbound::phone::Phone;
use outbound::record::Shown;
use storage::audit::Entry;
use storage::{enterprises, keys};

use crate::problem::Problem;
use crate::state::ApiState;

/// What every key starts with.
pub const KEY_PREFIX: &str = "cw_";
/// What the contract calls the way to show a key. Each operation names it with the role and the permission that it
/// needs.
pub(crate) const SECURITY_SCHEME: &str = "key";
/// Characters of a key, at most.
const KEY_LENGTH_MAX: usize = 128;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    pub enterprise: EnterpriseId,
    pub key: ApiKeyId,
    pub role: Role,
    pub permissions: Vec<Permission>,
    /// The address that the request came from.
    pub source: String,
}

/// How numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    Masked,
    Full,
}

impl Numbers {
    /// A phone as this caller may see it.
    pub fn show(self, phone: Phone) -> String {
        match self {
            Self::Masked => phone.masked(),
            Self::Full => phone.reveal(),
        }
    }

    /// A text that may quote a phone, as this caller may see it.
    pub fn text(self, text: String) -> String {
        match self {
            Self::Masked => mask::text(&text),
            Self::Full => text,
        }
    }

    /// JSON that may quote a phone, as this caller may see it.
    pub fn json(self, mut value: serde_json::Value) -> serde_json::Value {
        if self == Self::Masked {
            mask::json(&mut value);
        }
        value
    }

    /// Values by name, as this caller may see them.
    pub fn named(self, values: BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::Masked => {
                let values = values.into_iter().map(|(name, value)| (name, mask::text(&value)));
                mask::named(values).collect()
            }
            Self::Full => values,
        }
    }

    /// The same, as cells are asked for.
    pub const fn shown(self) -> Shown {
        match self {
            Self::Masked => Shown::Masked,
            Self::Full => Shown::Full,
        }
    }
}

impl Caller {
    /// The caller's name in the audit log and in a task's history.
    pub fn actor(&self) -> String {
        self.key.to_string()
    }

    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// 403 unless the key has the permission.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.has(permission) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "permission_required",
            format!("this needs a key with the permission `{}`", permission.word()),
        ))
    }

    pub(crate) fn at_least(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "role_required",
            format!(
                "this needs a key of role `{}`; this one is `{}`",
                role.word(),
                self.role.word()
            ),
        ))
    }

    /// How the number of one row that was asked for is shown.
    pub fn numbers_of_one(&self) -> Numbers {
        if self.has(Permission::SeeFullNumbers) { Numbers::Full } else { Numbers::Masked }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "key_required", detail)
}

fn secret(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = value
        .and_then(|value| value.split_once(' '))
        .ok_or_else(|| unauthorized("send a key as `Authorization: Bearer cw_…`"))?;
    let secret = secret.trim();
    let known = scheme.eq_ignore_ascii_case("bearer") && secret.starts_with(KEY_PREFIX);
    if known && secret.len() <= KEY_LENGTH_MAX {
        Ok(secret)
    } else {
        Err(unauthorized("the Authorization header is not `Bearer` and a key that starts with cw_"))
    }
}

/// The layer that finds out who asks.
pub(crate) async fn authenticate(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    // The body can't be shared between threads, so that the request may not be held over the wait.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let address = peer.map(|peer| state.strangers.address(peer, request.headers()));
    let found = match secret(request.headers()).map(str::to_owned) {
        Ok(secret) => identify(&state, &secret, address).await,
        Err(problem) => Err(problem),
    };
    match found {
        Ok(caller) => {
            let span = tracing::Span::current();
            span.record("key", tracing::field::display(caller.key));
            span.record("enterprise", tracing::field::display(caller.enterprise));
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn identify(
    state: &ApiState,
    secret: &str,
    address: Option<IpAddr>,
) -> Result<Caller, Problem> {
    let (strangers, now) = (&state.strangers, Instant::now());
    if let Some(address) = address {
        strangers.admit(address, secret, now)?;
    }
    let Some(found) = keys::authenticate(&state.store, secret, state.clock.now()).await? else {
        if let Some(address) = address {
            strangers.failed(address, secret, now);
        }
        return Err(unauthorized("the key is not known, or was revoked"));
    };
    strangers.opened(secret, now);
    Ok(Caller {
        enterprise: found.enterprise,
        key: found.id,
        role: found.role,
        permissions: found.permissions,
        source: address.map(|address| address.to_string()).unwrap_or_default(),
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| unauthorized("a key is required"))
    }
}

macro_rules! guards {
    ($($(#[$doc:meta])* $name:ident = $role:ident $(with $permission:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub Caller);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let caller = Caller::from_request_parts(parts, state).await?;
                caller.at_least(Role::$role)?;
                $(caller.require(Permission::$permission)?;)?
                Ok(Self(caller))
            }
        }

        impl OperationInput for $name {
            fn operation_input(_: &mut GenContext, operation: &mut Operation) {
                let needs = [Role::$role.word() $(, Permission::$permission.word())?];
                let needs = needs.map(str::to_owned).to_vec();
                operation.security = vec![[(SECURITY_SCHEME.to_owned(), needs)].into_iter().collect()];
            }
        }
    )*};
}

guards! {
    /// Any key: it may read.
    Viewer = Viewer;
    /// A key that may make and fetch exports.
    Exporter = Viewer with Export;
    /// A key that may hear recordings.
    Hearer = Viewer with ListenRecordings;
    /// A key that may run tasks, imports and lists.
    Operator = Operator;
    /// A key that may change settings, lines and keys.
    Admin = Admin;
}

impl ApiState {
    /// How numbers are shown to a caller in lists and exports: masked without the permission, and
    /// where the enterprise masks them for everybody.
    pub(crate) async fn numbers_in_lists(&self, caller: &Caller) -> Result<Numbers, Problem> {
        if caller.numbers_of_one() == Numbers::Masked {
            return Ok(Numbers::Masked);
        }
        let settings = enterprises::get(&self.store, caller.enterprise).await?.settings;
        Ok(if settings.number_masking { Numbers::Masked } else { Numbers::Full })
    }

    /// Write an entry of the audit log for what a caller has done.
    ///
    /// The deed is committed by then: when the entry can't be written the caller is not told that
    /// the deed failed, and the entry goes to the log as an error.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        action: Action,
        target: impl std::fmt::Display,
        detail: serde_json::Value,
    ) {
        let (actor, target) = (caller.actor(), target.to_string());
        let entry = Entry {
            enterprise: caller.enterprise,
            at: self.clock.now(),
            actor: &actor,
            source: &caller.source,
            action,
            target: &target,
            detail,
        };
        if let Err(error) = self.store.audit(entry).await {
            metrics::counter!("callwright_audit_lost_total").increment(1);
            let action = action.word();
            tracing::error!(%error, actor, action, target, "an audit entry was not written");
        }
    }

    /// Note that numbers of a list were shown in full.
    pub(crate) async fn audit_numbers(
        &self,
        caller: &Caller,
        numbers: Numbers,
        list: impl std::fmt::Display,
        count: usize,
    ) {
        if numbers == Numbers::Full && count > 0 {
            let detail = serde_json::json!({ "count": count });
            self.audit(caller, Action::NumberReveal, list, detail).await;
        }
    }

    /// Note that a number was shown in full.
    pub(crate) async fn audit_number(
        &self,
        caller: &Caller,
        numbers: Numbers,
        target: impl std::fmt::Display,
    ) {
        self.audit_numbers(caller, numbers, target, 1).await;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(role: Role, permissions: &[Permission]) -> Caller {
        Caller {
            enterprise: clock::new_id::<EnterpriseId>(),
            key: clock::new_id::<ApiKeyId>(),
            role,
            permissions: permissions.to_vec(),
            source: String::new(),
        }
    }

    #[test]
    fn a_header_that_is_no_key_is_refused() {
        for (value, allowed) in [
            (None, false),
            (Some("Bearer cw_1234"), true),
            (Some("bearer cw_1234"), true),
            (Some("Basic cw_1234"), false),
            (Some("Bearer 1234"), false),
            (Some("cw_1234"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(secret(&headers).is_ok(), allowed, "{value:?}");
        }
    }

    #[test]
    fn roles_rise_and_permissions_stand_beside_them() {
        let operator = caller(Role::Operator, &[]);
        assert!(operator.at_least(Role::Viewer).is_ok());
        assert!(operator.at_least(Role::Operator).is_ok());
        let refused = operator.at_least(Role::Admin).err();
        assert_eq!(refused.map(|problem| problem.status), Some(StatusCode::FORBIDDEN));
        assert!(caller(Role::Admin, &[]).require(Permission::Export).is_err());
        assert!(caller(Role::Viewer, &[Permission::Export]).require(Permission::Export).is_ok());
    }

    #[test]
    fn numbers_are_masked_without_the_permission() {
        assert_eq!(caller(Role::Admin, &[]).numbers_of_one(), Numbers::Masked);
        let seeing = caller(Role::Viewer, &[Permission::SeeFullNumbers]);
        assert_eq!(seeing.numbers_of_one(), Numbers::Full);
        let phone = Phone::from_digits(8_613_800_000_001);
        assert_eq!(Numbers::Masked.show(phone), "138****0001");
        assert_eq!(Numbers::Full.show(phone), "+8613800000001");
    }
}
