//! Whether Redis can be reached, said at once and by name. No password is ever in it.

use std::time::Duration;

use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use ::redis::{ErrorKind, RedisError};

use crate::error::QueueError;

/// How long it may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What is wrong with a `REDIS_URL`, without any of its text: it holds a password; none: nothing that shows.
pub fn url_fault(url: &str) -> Option<&'static str> {
    let form = "is not the URL of a Redis server; write redis://:password@host:port";
    url.into_connection_info().is_err().then_some(form)
}

/// Connect once, and let go of it again. A server that still loads its data is one that is there.
pub(crate) async fn reach(client: &Client) -> Result<(), QueueError> {
    let info = client.get_connection_info();
    let unreachable = |why: String| QueueError::Unreachable { server: server(info), why };
    if let ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } = info.addr()
    {
        let host = host.trim_matches(['[', ']']);
        let found = tokio::time::timeout(ANSWER_MAX, tokio::net::lookup_host((host, *port))).await;
        let known = found.is_ok_and(|found| found.is_ok_and(|found| found.count() > 0));
        if !known {
            return Err(unreachable(format!("no host `{host}` is known; check REDIS_URL")));
        }
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_MAX))
        .set_response_timeout(Some(ANSWER_MAX));
    let answered = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        ::redis::cmd("PING").query_async::<()>(&mut connection).await
    };
    match answered.await {
        Err(error) if error.code() != Some("LOADING") => Err(unreachable(explain(&error))),
        _ => Ok(()),
    }
}

/// `Redis at 127.0.0.1:6379, database 0`, and the user where it names one.
fn server(info: &ConnectionInfo) -> String {
    let settings = info.redis_settings();
    let user = settings.username().map(|user| format!(", user {user}")).unwrap_or_default();
    format!("Redis at {}, database {}{user}", info.addr(), settings.db())
}

fn explain(error: &RedisError) -> String {
    let setting = "check REDIS_URL";
    if error.is_timeout() {
        return format!(
            "no answer within {} s; {setting}, and what lies between (a firewall)",
            ANSWER_MAX.as_secs()
        );
    }
    if error.is_connection_refusal() {
        return "nothing listens there (connection refused); does it run? Check REDIS_URL".into();
    }
    match (error.kind(), error.code()) {
        (_, Some("NOAUTH")) => format!("it asks for a password, and none was given; {setting}"),
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS")) => {
            format!("the password is wrong, or there is no such user; {setting}")
        }
        (_, Some("NOPERM")) => format!("this user may not use it; {setting}, and the user's ACL"),
        _ if error.is_connection_dropped() || error.is_io_error() => {
            "it cut the connection off; is it a Redis server? Check REDIS_URL".into()
        }
        _ => format!("{error}; {setting}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Queues;

    #[test]
    fn a_wrong_url_is_told() {
        for wrong in ["localhost:6379", "http://localhost", "redis://:hush@host:99999"] {
            assert!(url_fault(wrong).is_some(), "{wrong}");
        }
        assert_eq!(url_fault("redis://:hush@127.0.0.1:6379/2"), None);
    }

    #[tokio::test]
    async fn a_redis_that_is_not_there_is_named_at_once_without_its_password() {
        for (url, said) in [
            (
                "redis://clara:hush@127.0.0.1:1/3",
                "Redis at 127.0.0.1:1, database 3, user clara: nothing listens",
            ),
            (
                "redis://:hush@nowhere.invalid",
                "Redis at nowhere.invalid:6379, database 0: no host `nowhere.invalid`",
            ),
        ] {
            let told = Queues::connect(url, "test").await.expect_err("it is not there").to_string();
            assert!(told.starts_with(said), "{told}");
            assert!(!told.contains("hush"), "{told}");
        }
    }
}
