//! Whether the servers can be reached, said at once and by name: for the start of a process.
//!
//! A pool tries again and again and then speaks of a time-out; this tries once and says which server,
//! as whom, and what is wrong. No password is ever in it.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::StoreConfig;

/// How long a server may take to answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What a `DATABASE_URL` looks like.
const URL_FORM: &str = "write postgres://user:password@host:port/database";

/// A server that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server}: {why}")]
pub struct Unreachable {
    /// Which, where, and as whom.
    pub server: String,
    /// What is wrong, and which setting may mend it.
    pub why: String,
}

/// What a database URL says; else what is wrong with it, without any of its text: it holds a password.
pub fn database_url(url: &str) -> Result<PgConnectOptions, String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(format!("is not the URL of a PostgreSQL database; {URL_FORM}"));
    }
    url.parse().map_err(|_| {
        format!("is not the URL of a PostgreSQL database; {URL_FORM}, and signs as @ : / # in it as %40 %3A %2F %23")
    })
}

/// Connect to the database once, and let go of it again.
pub async fn database(config: &StoreConfig) -> Result<(), Unreachable> {
    let options = database_url(&config.url)
        .map_err(|why| Unreachable { server: "DATABASE_URL".into(), why })?;
    let server = server(&options);
    let unreachable = |why: String| Unreachable { server: server.clone(), why };
    if options.get_socket().is_none() {
        known_host(options.get_host(), options.get_port(), "DATABASE_URL")
            .await
            .map_err(unreachable)?;
    }
    let connected = async {
        let mut connection = options.connect().await?;
        connection.ping().await?;
        connection.close().await
    };
    match timeout(ANSWER_MAX, connected).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(unreachable(explain(&error))),
        Err(_) => Err(unreachable(no_answer("DATABASE_URL"))),
    }
}

/// `PostgreSQL at 127.0.0.1:5432, database callwright, user callwright`.
fn server(options: &PgConnectOptions) -> String {
    let at = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    format!("PostgreSQL at {at}, database {database}, user {user}")
}

fn explain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => explain_io(error, "DATABASE_URL"),
        sqlx::Error::Tls(error) => format!("no TLS: {error}; check sslmode in DATABASE_URL"),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01") => "the password is wrong, or there is no such user; check DATABASE_URL".into(),
            Some("28000") => {
                format!("it does not let this user in: {}; check DATABASE_URL, and its pg_hba.conf", error.message())
            }
            Some("3D000") => "there is no such database; make it (createdb), or check DATABASE_URL".into(),
            Some("53300") => {
                "it has no connection left; raise its max_connections, or lower DATABASE_*_CONNECTIONS".into()
            }
            Some("57P03") => format!("{}; try again in a moment", error.message()),
            code => format!("SQLSTATE {}: {}", code.unwrap_or_default(), error.message()),
        },
        // What answers there speaks something else.
        sqlx::Error::Protocol(_) => {
            "what answers there is no PostgreSQL; check host and port in DATABASE_URL".into()
        }
        other => format!("{other}"),
    }
}

/// The host of an address has a known address of its own.
pub(crate) async fn known_host(host: &str, port: u16, setting: &str) -> Result<(), String> {
    let host = host.trim_matches(['[', ']']);
    let found = timeout(ANSWER_MAX, lookup_host((host, port))).await.map_err(|_| {
        format!("the name `{host}` could not be looked up; check DNS and {setting}")
    })?;
    if found.is_ok_and(|found| found.count() > 0) {
        return Ok(());
    }
    Err(format!("no host `{host}` is known; check {setting}"))
}

pub(crate) fn explain_io(error: &std::io::Error, setting: &str) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            format!("nothing listens there (connection refused); does it run? Check {setting}")
        }
        ErrorKind::NotFound => format!("there is no such socket; check {setting}"),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
            format!("it cut the connection off; is it such a server? Check {setting}")
        }
        _ => format!("{error}; check {setting}"),
    }
}

pub(crate) fn no_answer(setting: &str) -> String {
    let seconds = ANSWER_MAX.as_secs();
    format!("no answer within {seconds} s; check {setting}, and what lies between (a firewall)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_database_url_is_told_without_its_password() {
        for url in [
            "localhost/db",
            "mysql://a:hush@h/d",
            "postgres://a:hu/sh@h:x/d",
            "postgres://a:hush@h:99999/d",
        ] {
            let said = database_url(url).expect_err("it is wrong");
            assert!(said.contains("postgres://user:password@host:port/database"), "{said}");
            assert!(!said.contains("hush") && !said.contains("hu/sh"), "{said}");
        }
        assert!(database_url("postgresql://a:b@h/d").is_ok());
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_named_at_once_without_its_password() {
        let refused = database(&StoreConfig::new("postgres://clara:hush@127.0.0.1:1/calls")).await;
        let said = refused.expect_err("nothing listens").to_string();
        assert!(
            said.starts_with("PostgreSQL at 127.0.0.1:1, database calls, user clara: nothing"),
            "{said}"
        );
        assert!(!said.contains("hush"), "{said}");
        let nowhere = database(&StoreConfig::new("postgres://a:hush@nowhere.invalid/calls")).await;
        let said = nowhere.expect_err("no such host").to_string();
        assert!(said.contains("no host `nowhere.invalid` is known; check DATABASE_URL"), "{said}");
    }
}
