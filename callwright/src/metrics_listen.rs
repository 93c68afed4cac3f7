//! Where a process tells its metrics and its health. Several processes of one Procfile line share one setting,
//! so it may name a range of ports, or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

/// An address with a range of ports: the first that is free is taken. Port 0 is any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsListen {
    ip: IpAddr,
    first: u16,
    last: u16,
}

impl Default for MetricsListen {
    /// Any free port of the loopback: `callwright workers` tells which.
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), first: 0, last: 0 }
    }
}

impl FromStr for MetricsListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}` {what}");
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { ip: address.ip(), first: address.port(), last: address.port() });
        }
        let (start, last) = text.rsplit_once('-').ok_or_else(|| wrong("is no address"))?;
        let start: SocketAddr = start.parse().map_err(|_| wrong("is no address"))?;
        let last: u16 = last.parse().map_err(|_| wrong("has no last port"))?;
        if start.port() == 0 || last < start.port() {
            return Err(wrong("has no range of ports"));
        }
        Ok(Self { ip: start.ip(), first: start.port(), last })
    }
}

impl MetricsListen {
    /// Nobody on another machine reaches it.
    pub const fn is_loopback(&self) -> bool {
        self.ip.is_loopback()
    }

    /// Listen on the first port that is free.
    pub async fn bind(&self) -> Result<TcpListener> {
        let mut refused = None;
        for port in self.first..=self.last {
            match TcpListener::bind(SocketAddr::new(self.ip, port)).await {
                Ok(listener) => return Ok(listener),
                Err(error) => refused = Some(error),
            }
        }
        let ports = match (self.first, self.last) {
            (first, last) if first == last => format!("port {first}"),
            (first, last) => format!("ports {first} to {last}"),
        };
        let refused = refused.context("the range of ports is empty")?;
        Err(refused).with_context(|| {
            format!(
                "metrics can't be told on {ports} of {}; set CALLWRIGHT_METRICS_LISTEN to a free port, \
                 to a range as 127.0.0.1:9100-9199, or leave it out",
                self.ip
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_port_any_port_or_a_range() {
        let read = |text: &str| text.parse::<MetricsListen>();
        let ports = |text: &str| read(text).map(|listen| (listen.first, listen.last));
        assert_eq!(ports("127.0.0.1:9100"), Ok((9100, 9100)));
        assert_eq!(ports("127.0.0.1:0"), Ok((0, 0)));
        assert_eq!(ports("127.0.0.1:9100-9199"), Ok((9100, 9199)));
        assert_eq!(ports("[::1]:9100-9101"), Ok((9100, 9101)));
        for wrong in
            ["9100", "127.0.0.1:9100-", "127.0.0.1:9100-9099", "127.0.0.1:0-9", "a:9100-9101"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_second_process_of_a_line_takes_the_next_port_and_a_busy_one_is_named_by_its_setting()
     {
        let taken = MetricsListen::default().bind().await.expect("a free port");
        let port = taken.local_addr().expect("an address").port();
        let one = MetricsListen { first: port, last: port, ..MetricsListen::default() };
        let said = format!("{:#}", one.bind().await.expect_err("it is taken"));
        assert!(
            said.contains("CALLWRIGHT_METRICS_LISTEN") && said.contains(&port.to_string()),
            "{said}"
        );
        assert!(!said.contains("CALLWRIGHT_LISTEN"), "{said}");
        let range = MetricsListen { first: port, last: port.saturating_add(20), ..one };
        let next = range.bind().await.expect("another port").local_addr().expect("an address");
        assert!(next.port() > port);
    }
}
