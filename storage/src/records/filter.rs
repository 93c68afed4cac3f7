//! A filter over call records as SQL: names from the field table, values always bound.
//!
//! Blank is a value: `NOT hangup_party = "customer"` finds records without one. So no comparison
//! here is ever null.

use outbound::filter::{Filter, Op, Test, Value};
use sqlx::{Postgres, QueryBuilder};

use crate::StoreError;
use crate::rows::phone_column;

/// How a field is compared.
enum Shape {
    /// A text, never null; blank is empty.
    Text(&'static str),
    /// Any other value that is never null.
    Plain(&'static str),
    /// A value that may be null: blank equals nothing, and is neither more nor less.
    Nullable(&'static str),
    /// A number of another type, never null.
    Number(&'static str),
    List(&'static str),
    Map(&'static str),
}

/// Milliseconds as seconds, as the record tells them.
macro_rules! seconds {
    ($from:literal, $to:literal) => {
        concat!(
            "(greatest(trunc(extract(epoch from ",
            $to,
            " - ",
            $from,
            ") * 1000), 0) / 1000)::float8"
        )
    };
}

macro_rules! location {
    ($province:literal, $city:literal) => {
        concat!(
            "(case when ",
            $province,
            " in ('', ",
            $city,
            ") then ",
            $city,
            " when ",
            $city,
            " = '' then ",
            $province,
            " else ",
            $province,
            " || ' ' || ",
            $city,
            " end)"
        )
    };
}

/// A number as `outbound::phone::Phone::masked` shows it.
const MASKED: &str = "(select left(n.text, 3) || '****' || right(n.text, greatest(least(length(n.text) - 7, 4), 0)) \
    from (select regexp_replace(r.customer_number::text, '^86(?=.{11}$)', '') as text) as n)";

/// A conversation as `dialog::transcript::as_text` writes it; empty where nothing was said.
const WORDS: &str = "coalesce((select string_agg(format('[%s:%s] %s: %s', \
    lpad((l.line->>'start_ms')::bigint / 60000 || '', greatest(2, length((l.line->>'start_ms')::bigint / 60000 || '')), '0'), \
    lpad((l.line->>'start_ms')::bigint / 1000 % 60 || '', 2, '0'), \
    initcap(l.line->>'speaker'), l.line->>'text'), e'\\n' order by l.place) \
    from conversation c, jsonb_array_elements(c.transcript) with ordinality as l(line, place) \
    where c.id = r.id and c.started_at = r.started_at), '')";

fn shape(field: &str) -> Option<Shape> {
    use Shape::{List, Map, Nullable, Number, Plain, Text};
    Some(match field {
        "id" => Plain("r.id"),
        "task" => Plain("r.task_id"),
        "batch" => Plain("r.batch_id"),
        "number" => Plain("r.number_id"),
        "trunk" => Plain("r.trunk_id"),
        "customer_number" => Plain("r.customer_number"),
        "outbound_number" => Plain("r.outbound_number"),
        "customer_number_location" => {
            Text(location!("r.customer_number_province", "r.customer_number_city"))
        }
        "outbound_number_location" => {
            Text(location!("r.outbound_number_province", "r.outbound_number_city"))
        }
        "customer_number_encrypted" => Text(MASKED),
        "conversation_text" => Text(WORDS),
        "trunk_name" => Text("r.trunk_name"),
        "batch_name" => Text("r.batch_name"),
        "task_name" => Text("r.task_name"),
        "robot_name" => Text("r.robot_name"),
        "call_id" => Text("r.call_id"),
        "agent_id" => Text("r.agent_id"),
        "agent_name" => Text("r.agent_name"),
        "agent_phone" => Nullable("r.agent_phone"),
        "callback_at" => Nullable("r.callback_at"),
        "cause" => Text("r.cause"),
        "process_hangup_point" => Text("r.process_hangup_point"),
        "result" => Text("r.result"),
        "called_status" => Text("(case r.result when 'answered' then '' else r.result end)"),
        "answer_status" => {
            Text("(case r.result when 'answered' then 'answered' else 'unanswered' end)")
        }
        "robot_answer_status" => Text(
            "(case when r.result <> 'answered' then '' when r.robot_entered_at is null \
             then 'unanswered' else 'answered' end)",
        ),
        "hangup_party" => Text("coalesce(r.hangup_party, '')"),
        "answered_by" => Text("coalesce(r.answered_by, '')"),
        "recording_state" => Text("coalesce(r.recording_state, '')"),
        "robot_answer_result" => Text("coalesce(r.robot_answer_result, '')"),
        "started_at" => Plain("r.started_at"),
        "ended_at" => Plain("r.ended_at"),
        "ringing_at" => Nullable("r.ringing_at"),
        "answered_at" => Nullable("r.answered_at"),
        "robot_entered_at" => Nullable("r.robot_entered_at"),
        "robot_ended_at" => Nullable("r.robot_ended_at"),
        "talk_seconds" => Plain(seconds!("coalesce(r.answered_at, r.ended_at)", "r.ended_at")),
        "total_seconds" => Plain(seconds!("r.started_at", "r.ended_at")),
        "ring_seconds" => Plain(seconds!(
            "coalesce(r.ringing_at, r.answered_at, r.ended_at)",
            "coalesce(r.answered_at, r.ended_at)"
        )),
        "robot_talk_seconds" => Plain(seconds!(
            "coalesce(r.robot_entered_at, r.robot_ended_at, r.ended_at)",
            "coalesce(r.robot_ended_at, r.ended_at)"
        )),
        "turns" => Number("r.turns"),
        "interruptions" => Number("r.interruptions"),
        "round" => Number("r.round"),
        "chain_index" => Number("r.chain_index"),
        "sip_code" => Nullable("r.sip_code::float8"),
        "q850_cause" => Nullable("r.q850_cause::float8"),
        // By its decimal text, so that 2.3 is 2.3.
        "opening_hangup_seconds" => Nullable("r.opening_hangup_seconds::text::float8"),
        "transferred" => Plain("r.transferred"),
        "intent_tags" => List("r.intent_tags"),
        "captures" => Map("r.captures"),
        "variables" => Map("r.variables"),
        _ => return None,
    })
}

/// Write the filter as a condition on the table called `r`.
pub(super) fn push(sql: &mut QueryBuilder<Postgres>, filter: &Filter) -> Result<(), StoreError> {
    match filter {
        Filter::All(parts) => push_joined(sql, parts, " and ", "true"),
        Filter::Any(parts) => push_joined(sql, parts, " or ", "false"),
        Filter::Not(inner) => {
            sql.push("not ");
            push(sql, inner)
        }
        Filter::Test(test) => push_test(sql, test),
    }
}

fn push_joined(
    sql: &mut QueryBuilder<Postgres>,
    parts: &[Filter],
    joint: &str,
    none: &str,
) -> Result<(), StoreError> {
    if parts.is_empty() {
        sql.push(none);
        return Ok(());
    }
    sql.push("(");
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            sql.push(joint);
        }
        push(sql, part)?;
    }
    sql.push(")");
    Ok(())
}

fn push_test(sql: &mut QueryBuilder<Postgres>, test: &Test) -> Result<(), StoreError> {
    let name = test.field.name;
    let shape = shape(name)
        .ok_or_else(|| StoreError::Damaged(format!("no column is known for the field {name}")))?;
    match shape {
        Shape::Text(column) => push_text(sql, column, test),
        Shape::Plain(column) => {
            sql.push("(").push(column).push(operator(test.op));
            bind(sql, &test.value);
            sql.push(")");
        }
        Shape::Number(column) => {
            sql.push("(").push(column).push("::float8").push(operator(test.op));
            bind(sql, &test.value);
            sql.push(")");
        }
        Shape::Nullable(column) if test.op == Op::Ne => {
            sql.push("(").push(column).push(" is distinct from ");
            bind(sql, &test.value);
            sql.push(")");
        }
        Shape::Nullable(column) => {
            sql.push("(").push(column).push(" is not null and ");
            sql.push(column).push(operator(test.op));
            bind(sql, &test.value);
            sql.push(")");
        }
        Shape::List(column) => match &test.value {
            Value::Text(text) if text.is_empty() => {
                sql.push("cardinality(").push(column).push(") = 0");
            }
            value => {
                sql.push("(");
                bind(sql, value);
                sql.push(" = any(").push(column).push("))");
            }
        },
        Shape::Map(column) => push_map(sql, column, test),
    }
    Ok(())
}

fn push_map(sql: &mut QueryBuilder<Postgres>, column: &str, test: &Test) {
    if let Some(key) = &test.key {
        sql.push("(");
        match test.op {
            Op::Has => {
                sql.push("strpos(lower(coalesce(").push(column).push(" ->> ");
                sql.push_bind(key.clone()).push(", '')), lower(");
                bind(sql, &test.value);
                sql.push(")) > 0)");
            }
            op => {
                sql.push("coalesce(").push(column).push(" ->> ");
                sql.push_bind(key.clone()).push(", '')").push(operator(op));
                bind(sql, &test.value);
                sql.push(")");
            }
        }
        return;
    }
    match &test.value {
        Value::Text(text) if text.is_empty() => {
            sql.push("(").push(column).push(" = '{}'::jsonb)");
        }
        value => {
            sql.push("jsonb_exists(").push(column).push(", ");
            bind(sql, value);
            sql.push(")");
        }
    }
}

fn push_text(sql: &mut QueryBuilder<Postgres>, column: &str, test: &Test) {
    if test.op == Op::Has {
        sql.push("(strpos(lower(").push(column).push("), lower(");
        bind(sql, &test.value);
        sql.push(")) > 0)");
        return;
    }
    sql.push("(").push(column).push(operator(test.op));
    bind(sql, &test.value);
    sql.push(")");
}

const fn operator(op: Op) -> &'static str {
    match op {
        // `Has` is no comparison of one value: it is written out where it is known.
        Op::Eq | Op::Has => " = ",
        Op::Ne => " <> ",
        Op::Lt => " < ",
        Op::Le => " <= ",
        Op::Gt => " > ",
        Op::Ge => " >= ",
    }
}

fn bind(sql: &mut QueryBuilder<Postgres>, value: &Value) {
    match value {
        Value::Text(text) => sql.push_bind(text.clone()),
        Value::Number(number) => sql.push_bind(*number),
        Value::Flag(flag) => sql.push_bind(*flag),
        Value::Time(at) => sql.push_bind(*at),
        Value::Phone(phone) => sql.push_bind(phone_column(*phone)),
        Value::Id(id) => sql.push_bind(*id),
    };
}

#[cfg(test)]
mod tests {
    use outbound::record::{FIELDS, FieldKind};

    use super::shape;

    #[test]
    fn every_field_that_can_be_filtered_by_has_a_column() {
        for field in FIELDS {
            let filterable = field.kind != FieldKind::Shown;
            assert_eq!(shape(field.name).is_some(), filterable, "{}", field.name);
        }
    }
}
