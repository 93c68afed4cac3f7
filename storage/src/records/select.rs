//! The SQL of record lists: what is asked for, as bound parameters.

use outbound::export::Content;
use outbound::filter::Filter;
use outbound::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId};
use sqlx::{Postgres, QueryBuilder};

use super::filter;
use super::read::RecordCursor;
use super::row::COLUMNS;
use crate::StoreError;

/// Counts for people stop here: “more than 10,000”.
pub const COUNT_MAX: u32 = 10_000;

/// Which records come first, by the start of their calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Which records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordQuery {
    pub content: Content,
    /// Also what was said, where there was a conversation.
    pub words: bool,
    pub id: Option<AttemptId>,
    pub task: Option<TaskId>,
    pub batch: Option<BatchId>,
    pub number: Option<NumberId>,
    pub filter: Option<Filter>,
    pub order: Order,
}

impl RecordQuery {
    /// All records of this kind.
    pub const fn all(content: Content) -> Self {
        let words = matches!(content, Content::Conversations);
        Self {
            content,
            words,
            id: None,
            task: None,
            batch: None,
            number: None,
            filter: None,
            order: Order::NewestFirst,
        }
    }
}

impl Default for RecordQuery {
    fn default() -> Self {
        Self::all(Content::CallRecords)
    }
}

/// In the order that the query asks for, behind `after`.
pub(super) fn select(
    enterprise: EnterpriseId,
    query: &RecordQuery,
    after: Option<RecordCursor>,
    limit: i64,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS);
    if query.words {
        sql.push(", c.transcript, c.log, c.analyzed, c.tries, c.trouble");
    }
    if query.content == Content::Recordings {
        sql.push(", g.object_key");
    }
    from_where(&mut sql, enterprise, query)?;
    if let Some(after) = after {
        let beyond = if query.order == Order::NewestFirst { "<" } else { ">" };
        sql.push(" and (r.started_at, r.id) ").push(beyond).push(" (");
        sql.push_bind(after.started_at);
        sql.push(", ").push_bind(after.id.uuid()).push(")");
    }
    sql.push(match query.order {
        Order::NewestFirst => " order by r.started_at desc, r.id desc limit ",
        Order::OldestFirst => " order by r.started_at, r.id limit ",
    });
    sql.push_bind(limit);
    Ok(sql)
}

/// How many, up to `most`.
pub(super) fn select_count(
    enterprise: EnterpriseId,
    query: &RecordQuery,
    most: Option<u32>,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut sql = QueryBuilder::new("select count(*) from (select");
    from_where(&mut sql, enterprise, query)?;
    if let Some(most) = most {
        sql.push(" limit ").push_bind(i64::from(most));
    }
    sql.push(") as found");
    Ok(sql)
}

/// Names of variables, with how many names there are beside each.
pub(super) fn select_variables(
    enterprise: EnterpriseId,
    query: &RecordQuery,
    most: usize,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut sql = QueryBuilder::new(
        "select name, count(*) over () as names from (select jsonb_object_keys(r.variables) as name",
    );
    // What was said has no part in it.
    from_where(&mut sql, enterprise, &RecordQuery { words: false, ..query.clone() })?;
    sql.push(") as found group by name order by count(*) desc, name limit ");
    sql.push_bind(i64::try_from(most).unwrap_or(i64::MAX));
    Ok(sql)
}

fn from_where(
    sql: &mut QueryBuilder<Postgres>,
    enterprise: EnterpriseId,
    query: &RecordQuery,
) -> Result<(), StoreError> {
    sql.push(" from call_record r");
    if query.words {
        sql.push(" left join conversation c on c.id = r.id and c.started_at = r.started_at");
    }
    if query.content == Content::Recordings {
        sql.push(" join recording g on g.attempt_id = r.id and g.state = 'ready'");
    }
    sql.push(" where r.enterprise_id = ").push_bind(enterprise.uuid());
    if query.content == Content::Conversations {
        sql.push(" and r.result = 'answered' and r.robot_entered_at is not null");
    }
    if let Some(id) = query.id {
        sql.push(" and r.id = ").push_bind(id.uuid());
    }
    if let Some(task) = query.task {
        sql.push(" and r.task_id = ").push_bind(task.uuid());
    }
    if let Some(batch) = query.batch {
        sql.push(" and r.batch_id = ").push_bind(batch.uuid());
    }
    if let Some(number) = query.number {
        sql.push(" and r.number_id = ").push_bind(number.uuid());
    }
    if let Some(filter) = &query.filter {
        sql.push(" and ");
        filter::push(sql, filter)?;
    }
    Ok(())
}
