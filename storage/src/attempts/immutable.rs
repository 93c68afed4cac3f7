//! Rows that never change once they are written, kept in memory: redial policies and published navigations.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use dialog::navigation::Published;
use outbound::redial::RedialPolicy;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::StoreError;

/// Policies kept, at most.
const POLICIES_MAX: usize = 10_000;
/// Published navigations kept, at most.
const NAVIGATIONS_MAX: usize = 200;

/// Clones share the memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Immutable {
    policies: Kept<i64, RedialPolicy>,
    navigations: Kept<(Uuid, i32), Published>,
}

impl Immutable {
    /// A redial policy. Locks nothing.
    pub async fn policy(
        &self,
        conn: &mut PgConnection,
        id: i64,
    ) -> Result<Arc<RedialPolicy>, StoreError> {
        if let Some(policy) = self.policies.get(&id) {
            return Ok(policy);
        }
        let policy = sqlx::query_scalar!(
            r#"select policy as "policy: Json<RedialPolicy>" from redial_policy where id = $1"#,
            id
        )
        .fetch_optional(conn)
        .await?;
        let policy = policy.ok_or_else(|| StoreError::Damaged(format!("no redial policy {id}")))?;
        Ok(self.policies.keep(id, policy.0, POLICIES_MAX))
    }

    /// A published navigation. Locks nothing.
    pub async fn navigation(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        version: i32,
    ) -> Result<Arc<Published>, StoreError> {
        if let Some(navigation) = self.navigations.get(&(id, version)) {
            return Ok(navigation);
        }
        let content = sqlx::query_scalar!(
            r#"select content as "content: Json<Published>" from navigation_version
                where navigation_id = $1 and number = $2"#,
            id,
            version
        )
        .fetch_optional(conn)
        .await?;
        let content = content.ok_or_else(|| {
            StoreError::Damaged(format!("no version {version} of navigation {id}"))
        })?;
        Ok(self.navigations.keep((id, version), content.0, NAVIGATIONS_MAX))
    }
}

#[derive(Debug)]
struct Kept<K, V>(Arc<Mutex<HashMap<K, Arc<V>>>>);

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: K, value: V, most: usize) -> Arc<V> {
        let value = Arc::new(value);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= most {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&value));
        value
    }
}
