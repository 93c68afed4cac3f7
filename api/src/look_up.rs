//! Looking a number up, by somebody who sees no full numbers.
//!
//! Such a caller may ask for a number that they know already, in full and one at a time. Each time is written down,
//! and an hour has room for a few: numbers can't be tried until one is found. Whatever else would tell a number
//! needs the permission.

use std::borrow::Cow;
use std::fmt::Display;

use http::StatusCode;
use outbound::api_key::Permission;
use outbound::audit::Action;
use outbound::filter::{Filter, Unmasking};
use outbound::phone::Phone;
use serde_json::json;
use storage::look_ups::{self, LOOK_UPS_MAX, LookUps};

use crate::auth::{Caller, Numbers};
use crate::problem::Problem;
use crate::state::ApiState;

impl ApiState {
    /// Let a caller ask `list` for these phones: 429 where the hour has no room for another look-up. Who sees full
    /// numbers may ask for any.
    pub(crate) async fn look_up(
        &self,
        caller: &Caller,
        phones: &[Phone],
        list: impl Display,
    ) -> Result<(), Problem> {
        if caller.numbers_of_one() == Numbers::Full || phones.is_empty() {
            return Ok(());
        }
        let counted = look_ups::count(&self.store, caller.enterprise, phones.len()).await?;
        if let LookUps::Spent { seconds } = counted {
            return Err(spent(seconds));
        }
        let phones: Vec<String> = phones.iter().map(|phone| phone.masked()).collect();
        self.audit(caller, Action::NumberLookUp, list, json!({ "phones": phones })).await;
        Ok(())
    }

    /// Let a caller ask `list` with this filter: 403 where it would tell more than a masked list shows.
    pub(crate) async fn look_through(
        &self,
        caller: &Caller,
        filter: &Filter,
        list: impl Display,
    ) -> Result<(), Problem> {
        if caller.numbers_of_one() == Numbers::Full {
            return Ok(());
        }
        let phones = filter.within_masks().map_err(|why| unmasking(&why))?;
        self.look_up(caller, &phones, list).await
    }
}

fn spent(seconds: u64) -> Problem {
    let detail = format!(
        "keys without the permission `{}` look up {LOOK_UPS_MAX} phone numbers an hour in all; go on in {seconds} s",
        Permission::SeeFullNumbers.word()
    );
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
    Problem { retry_after_seconds: Some(seconds), ..problem }
}

fn unmasking(why: &Unmasking) -> Problem {
    const CODE: &str = "permission_required";
    let permission = Permission::SeeFullNumbers.word();
    let detail = match why {
        Unmasking::SeveralPhones(field) => format!(
            "compares `{field}` with a second phone number; a key without the permission `{permission}` looks up \
             one number at a time"
        ),
        Unmasking::Digits(field) => format!(
            "compares `{field}` with digits, which may tell a phone number; that needs a key with the permission \
             `{permission}`"
        ),
    };
    let code = Cow::Borrowed(CODE);
    Problem { status: StatusCode::FORBIDDEN, code, ..Problem::fault("/filter", CODE, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_filter_names_the_field_and_the_permission() {
        for (why, names) in [
            (Unmasking::Digits("variables.phone".into()), "`variables.phone`"),
            (Unmasking::SeveralPhones("customer_number".into()), "`customer_number`"),
        ] {
            let problem = unmasking(&why);
            assert_eq!((problem.status.as_u16(), &*problem.code), (403, "permission_required"));
            assert_eq!(problem.faults[0].pointer, "/filter");
            assert!(problem.detail.contains(names), "{}", problem.detail);
            assert!(problem.detail.contains("`see_full_numbers`"), "{}", problem.detail);
        }
    }
}
