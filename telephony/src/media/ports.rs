//! UDP ports of calls: an even one for RTP and the next for RTCP, from a configured range.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use super::MediaError;

/// The free ports of a plane. The one that is free for longest is taken first, so that packets of a call
/// that has ended do not reach the next.
#[derive(Debug)]
pub(super) struct Ports {
    bind: IpAddr,
    free: Mutex<VecDeque<u16>>,
}

/// The two sockets of a call, non-blocking. Dropping them closes them and frees their ports.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// Frees the port; a field after the sockets, so that they are closed by then.
    _lease: Lease,
}

#[derive(Debug)]
struct Lease {
    ports: Arc<Ports>,
    rtp_port: u16,
}

impl Ports {
    pub(super) fn new(bind: IpAddr, range: &RangeInclusive<u16>) -> Arc<Self> {
        let free = range.clone().filter(|port| port % 2 == 0 && port < range.end());
        Arc::new(Self { bind, free: Mutex::new(free.collect()) })
    }

    /// Two sockets on ports that nobody has. Those that another program has are passed over.
    pub(super) fn open(self: &Arc<Self>) -> Result<Sockets, MediaError> {
        // Each port is looked at once; one in use goes to the end of the queue.
        for _ in 0..self.free_count() {
            let Some(rtp_port) = self.take() else { break };
            let lease = Lease { ports: Arc::clone(self), rtp_port };
            match self.bind(rtp_port) {
                Ok((rtp, rtcp)) => return Ok(Sockets { rtp, rtcp, _lease: lease }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(MediaError::Socket(error)),
            }
        }
        Err(MediaError::NoPort)
    }

    pub(super) fn free_count(&self) -> usize {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Option<u16> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn bind(&self, rtp_port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
        let rtp = UdpSocket::bind(SocketAddr::new(self.bind, rtp_port))?;
        let rtcp = UdpSocket::bind(SocketAddr::new(self.bind, rtp_port + 1))?;
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok((rtp, rtcp))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = self.ports.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push_back(self.rtp_port);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// An address that only this process uses, so that its ports are free.
    fn own_address() -> IpAddr {
        let [.., high, low] = std::process::id().to_be_bytes();
        IpAddr::from(Ipv4Addr::new(127, 41, high, low.max(1)))
    }

    fn port(sockets: &Sockets) -> u16 {
        sockets.rtp.local_addr().unwrap().port()
    }

    #[test]
    fn ports_are_even_and_come_back_when_a_call_ends() {
        let ports = Ports::new(own_address(), &(21_001..=21_006));
        assert_eq!(ports.free_count(), 2);
        let (first, second) = (ports.open().unwrap(), ports.open().unwrap());
        assert_eq!((port(&first), port(&second)), (21_002, 21_004));
        assert_eq!(first.rtcp.local_addr().unwrap().port(), 21_003);
        assert!(matches!(ports.open(), Err(MediaError::NoPort)));
        drop(first);
        assert_eq!(port(&ports.open().unwrap()), 21_002);
        drop(second);
        assert_eq!(ports.free_count(), 2);
    }

    #[test]
    fn a_port_of_another_program_is_passed_over() {
        let ports = Ports::new(own_address(), &(21_010..=21_013));
        let others = UdpSocket::bind((own_address(), 21_011)).unwrap();
        let taken = ports.open().unwrap();
        assert_eq!(port(&taken), 21_012);
        assert!(matches!(ports.open(), Err(MediaError::NoPort)));
        drop((others, taken));
        assert_eq!(ports.free_count(), 2);
    }

    #[test]
    fn the_port_that_is_free_for_longest_is_next() {
        let ports = Ports::new(own_address(), &(21_020..=21_025));
        drop(ports.open().unwrap());
        assert_eq!(port(&ports.open().unwrap()), 21_022);
    }
}
