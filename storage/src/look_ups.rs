//! How often an enterprise's keys that see no full numbers have looked one up.
//!
//! All keys of an enterprise count together: an administrator could make another key for each number.

use outbound::ids::EnterpriseId;

use crate::{Store, StoreError};

/// Look-ups of an enterprise in an hour, at most.
pub const LOOK_UPS_MAX: usize = 60;
const HOUR_SECONDS: f64 = 3_600.0;

/// What came of asking for look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUps {
    Counted,
    /// Too many in the last hour: there are as many again after so many seconds.
    Spent {
        seconds: u64,
    },
}

/// Count so many look-ups, if the last hour has room for all of them. Locks the enterprise's row of look-ups.
pub async fn count(
    store: &Store,
    enterprise: EnterpriseId,
    look_ups: usize,
) -> Result<LookUps, StoreError> {
    if look_ups > LOOK_UPS_MAX {
        return Ok(LookUps::Spent { seconds: HOUR_SECONDS as u64 });
    }
    let wanted = i32::try_from(look_ups).unwrap_or(i32::MAX);
    let most = i64::try_from(LOOK_UPS_MAX).unwrap_or(i64::MAX);
    let counted = sqlx::query_scalar!(
        r#"insert into look_up as l (enterprise_id, at)
           values ($1, array_fill(clock_timestamp(), array[$2::integer]))
           on conflict (enterprise_id) do update
              set at = array(select t from unnest(l.at) as t
                              where t > clock_timestamp() - interval '1 hour') || excluded.at
            where (select count(*) from unnest(l.at) as t
                    where t > clock_timestamp() - interval '1 hour') + $2 <= $3
        returning true as "counted!""#,
        enterprise.uuid(),
        wanted,
        most
    )
    .fetch_optional(&store.api)
    .await?;
    if counted.is_some() {
        return Ok(LookUps::Counted);
    }
    let ages = sqlx::query_scalar!(
        r#"select extract(epoch from clock_timestamp() - t)::float8 as "age!"
             from look_up l, unnest(l.at) as t where l.enterprise_id = $1 order by t"#,
        enterprise.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(LookUps::Spent { seconds: wait_seconds(&ages, look_ups) })
}

/// Until enough of them are an hour old; `ages` are in seconds, the oldest first.
fn wait_seconds(ages: &[f64], look_ups: usize) -> u64 {
    let over = (ages.len() + look_ups).saturating_sub(LOOK_UPS_MAX);
    let oldest = over.checked_sub(1).and_then(|place| ages.get(place));
    // Neither negative nor more than an hour.
    oldest.map_or(1, |age| (HOUR_SECONDS - age).clamp(1.0, HOUR_SECONDS).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_until_the_oldest_look_up_is_an_hour_old() {
        let ages: Vec<f64> = (0..60).map(|n| 3_000.0 - f64::from(n)).collect();
        assert_eq!(wait_seconds(&ages, 1), 600);
        assert_eq!(wait_seconds(&ages, 3), 602);
        assert_eq!(wait_seconds(&[3_700.0], 60), 1, "it is over already");
        assert_eq!(wait_seconds(&[], 1), 1);
    }
}
