//! Redials that fell due and that no job promoted.

use storage::StoreError;

use crate::{Environment, redial};

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    redial::promote(&env, None).await
}
