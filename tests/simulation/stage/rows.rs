//! The rows of one enterprise as they are, past every crate that could tell them wrongly: read, and where
//! time has to pass for the database's own clock, changed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use outbound::Time;
use outbound::ids::EnterpriseId;
use serde::Deserialize;
use uuid::Uuid;

/// A `psql` that answers a line to a line.
pub struct Rows {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Debug, Deserialize)]
pub struct Found {
    pub tasks: Vec<TaskRow>,
    pub batches: Vec<BatchRow>,
    pub numbers: Vec<NumberRow>,
    pub attempts: Vec<AttemptRow>,
    pub records: Vec<RecordRow>,
}

#[derive(Debug, Deserialize)]
pub struct TaskRow {
    pub id: Uuid,
    pub state: String,
    pub pause_reason: Option<String>,
    pub scheduled_start_at: Option<Time>,
    pub scheduled_end_at: Option<Time>,
    pub next_edge_at: Option<Time>,
    pub order_revision: i32,
    pub number_count: i64,
    pub next_seq: i64,
}

#[derive(Debug, Deserialize)]
pub struct BatchRow {
    pub id: Uuid,
    pub priority: u32,
    pub started: bool,
    /// Numbers by state, as they are counted; states without any are left out.
    pub counted: Option<BTreeMap<String, i64>>,
}

#[derive(Debug, Deserialize)]
pub struct NumberRow {
    pub id: Uuid,
    pub batch_id: Uuid,
    pub seq: i64,
    pub state: String,
    pub round: u16,
    pub chain_index: usize,
    pub chain_statuses: Vec<String>,
    pub refusals: u16,
    pub first_called_at: Option<Time>,
    pub round_called_at: Option<Time>,
    pub last_called_at: Option<Time>,
    /// Rows in the queues; and what it waits for.
    pub ready: i64,
    pub due_at: Option<Time>,
    pub reason: Option<String>,
    pub put_off: Option<bool>,
    pub lane: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct AttemptRow {
    pub id: Uuid,
    pub number_id: Uuid,
    pub phone: u64,
    pub round: u16,
    pub chain_index: usize,
    pub caller_id: Uuid,
    pub trunk_id: Uuid,
    pub token: i64,
    pub phase: String,
    pub worker: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct RecordRow {
    pub id: Uuid,
    pub number_id: Uuid,
    pub customer_number: u64,
    pub round: u16,
    pub chain_index: usize,
    pub result: String,
    pub cause: String,
    pub started_at: Time,
    pub ended_at: Time,
}

const FOUND: &str = "select jsonb_build_object(
 'tasks', (select coalesce(jsonb_agg(x), '[]') from (select id, state, pause_reason, scheduled_start_at,
     scheduled_end_at, next_edge_at, order_revision, number_count, next_seq from task
   where enterprise_id = $1 order by id) x),
 'batches', (select coalesce(jsonb_agg(x), '[]') from (select b.id, b.priority,
     b.started_at is not null as started,
     (select jsonb_object_agg(c.state, c.n) from number_count c where c.batch_id = b.id and c.n <> 0)
         as counted
   from batch b where b.enterprise_id = $1 order by b.id) x),
 'numbers', (select coalesce(jsonb_agg(x), '[]') from (select n.id, n.batch_id, n.seq, n.state, n.round,
     n.chain_index, n.chain_statuses, n.refusals, n.first_called_at, n.round_called_at,
     n.last_called_at, (select count(*) from ready r where r.number_id = n.id) as ready,
     w.due_at, w.reason, w.put_off,
     (select l.class from lane l where l.id = coalesce(w.lane_id,
         (select r.lane_id from ready r where r.number_id = n.id limit 1),
         (select a.lane_id from attempt a where a.number_id = n.id limit 1))) as lane
   from number n left join waiting w on w.number_id = n.id where n.enterprise_id = $1 order by n.id) x),
 'attempts', (select coalesce(jsonb_agg(x), '[]') from (select id, number_id, phone, round, chain_index,
     caller_id, trunk_id, token, phase, worker from attempt where enterprise_id = $1 order by id) x),
 'records', (select coalesce(jsonb_agg(x), '[]') from (select id, number_id, customer_number, round,
     chain_index, result, cause, started_at, ended_at from call_record where enterprise_id = $1
   order by ended_at desc, id desc limit 8) x));";

impl Rows {
    pub fn open(url: &str) -> Self {
        let mut process = Command::new("psql")
            .args([url, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql runs");
        let asks = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut rows = Self { process, asks, answers };
        rows.tell("set time zone 'UTC';");
        rows
    }

    /// A statement without an answer.
    fn tell(&mut self, statement: &str) {
        writeln!(self.asks, "{}", statement.replace('\n', " ")).expect("psql listens");
    }

    /// The one line that a statement answers.
    pub fn ask(&mut self, statement: &str) -> String {
        self.tell(statement);
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("psql answers");
        assert!(line.ends_with('\n'), "psql stopped at {statement}");
        line.trim_end().to_owned()
    }

    pub fn found(&mut self, enterprise: EnterpriseId) -> Found {
        let id = format!("'{}'::uuid", enterprise.uuid());
        let line = self.ask(&FOUND.replace("$1", &id));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The lease of an attempt is over by the database's clock.
    pub fn expire(&mut self, attempt: Uuid) {
        let past = "clock_timestamp() - interval '1 s'";
        let update = format!("update attempt set lease_until = {past} where id = '{attempt}'");
        self.ask(&format!("with u as ({update} returning 1) select count(*) from u;"));
    }

    /// Who begins calls has sent the INVITEs by the database's clock: a pause need not wait for them.
    pub fn age_begins(&mut self, enterprise: EnterpriseId) {
        let update = format!(
            "update attempt set begun_at = begun_at - interval '1 s' where enterprise_id = '{}'",
            enterprise.uuid()
        );
        self.ask(&format!("with u as ({update} returning 1) select count(*) from u;"));
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // It ends with its input; a failure to do so changes nothing for the test.
        drop(writeln!(self.asks, "\\q"));
        drop(self.process.wait());
    }
}
