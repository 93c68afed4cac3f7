//! The bytes of one connection on their way to hyper, and back.
//!
//! hyper takes a bare LF for the end of a line (RFC 9112, 2.2 allows it), and proxies may not: what is one header to
//! a proxy could be two to us. So a head with such an LF reaches hyper with a NUL in its place, which hyper refuses
//! by 400, before anybody looks at the request.
//!
//! Where a head begins on a connection with several requests is hyper's to say, not ours: no byte behind a head is
//! passed on before hyper has told how long the body is ([`Framing::body`]). After a body whose length it can't tell
//! in advance (chunks) the connection ends with the answer.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower::Service;

/// A peer has to take some of its answer every so long. One that reads nothing would hold its connection for ever.
pub const TAKEN_WITHIN: Duration = Duration::from_secs(60);
const CHUNK_BYTES: usize = 16 << 10;

/// What the next byte belongs to.
#[derive(Debug)]
enum Place {
    Head(Line),
    /// The head is whole; hyper has not told yet what follows.
    Unknown(Option<Waker>),
    /// So many bytes are left of a body.
    Body(u64),
    /// All that comes belongs to the last request of this connection.
    Last,
}

/// A line of a head, as far as it has come.
#[derive(Debug, Default)]
struct Line {
    has_text: bool,
    after_cr: bool,
    /// A line with text came before: the next empty one ends the head.
    begun: bool,
}

enum Seen {
    Part,
    EndOfHead,
    BareLf,
}

impl Line {
    fn next(&mut self, byte: u8) -> Seen {
        match byte {
            b'\n' if !self.after_cr => return Seen::BareLf,
            b'\n' if !self.has_text && self.begun => return Seen::EndOfHead,
            b'\n' => {
                *self = Self { begun: self.begun || self.has_text, ..Self::default() };
            }
            b'\r' if !self.after_cr => self.after_cr = true,
            _ => {
                self.has_text = true;
                self.after_cr = byte == b'\r';
            }
        }
        Seen::Part
    }
}

impl Place {
    /// How many of these bytes may be passed on now. The place of a bare LF is marked.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        match self {
            Self::Head(line) => {
                for (at, byte) in bytes.iter_mut().enumerate() {
                    match line.next(*byte) {
                        Seen::Part => continue,
                        Seen::EndOfHead => *self = Self::Unknown(None),
                        Seen::BareLf => {
                            *byte = 0;
                            *self = Self::Last;
                        }
                    }
                    return at + 1;
                }
                bytes.len()
            }
            Self::Unknown(_) => 0,
            Self::Body(left) => {
                let passed =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= passed as u64;
                if *left == 0 {
                    *self = Self::Head(Line::default());
                }
                passed
            }
            Self::Last => bytes.len(),
        }
    }
}

/// Where a connection stands, shared by its bytes and its service.
#[derive(Debug, Clone)]
pub struct Framing(Arc<Mutex<Place>>);

impl Framing {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Place::Head(Line::default()))))
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head was read, and a body of so many bytes follows it; `None`: that can't be told in advance.
    fn body(&self, length: Option<u64>) {
        let next = match length {
            Some(0) => Place::Head(Line::default()),
            Some(bytes) => Place::Body(bytes),
            None => Place::Last,
        };
        if let Place::Unknown(Some(waker)) = std::mem::replace(&mut *self.place(), next) {
            waker.wake();
        }
    }
}

/// A connection whose heads are looked at.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    framing: Framing,
    chunk: Box<[u8]>,
    /// The bytes of `chunk` that were not passed on yet.
    at: usize,
    end: usize,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub fn new(stream: TcpStream) -> (Self, Framing) {
        let framing = Framing::new();
        let chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
        (Self { stream, framing: framing.clone(), chunk, at: 0, end: 0, stalled: None }, framing)
    }

    /// A write that came to nothing yet fails once the peer has taken nothing for too long.
    fn patient<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(TAKEN_WITHIN)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut place = this.framing.place();
        if let Place::Unknown(waker) = &mut *place {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if this.at == this.end {
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut chunk))?;
            (this.at, this.end) = (0, chunk.filled().len());
        }
        let held = &mut this.chunk[this.at..this.end];
        let fitting = held.len().min(into.remaining());
        let passed = place.pass(&mut held[..fitting]);
        into.put_slice(&held[..passed]);
        this.at += passed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.patient(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.patient(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A service that tells its connection how long each body is, as hyper understood its head.
#[derive(Debug, Clone)]
pub struct Framed<Inner> {
    inner: Inner,
    framing: Framing,
}

impl<Inner> Framed<Inner> {
    pub const fn new(inner: Inner, framing: Framing) -> Self {
        Self { inner, framing }
    }
}

impl<Inner, Body> Service<Request<Body>> for Framed<Inner>
where
    Inner: Service<Request<Body>, Response = Response, Future: Send + 'static>,
    Body: HttpBody,
{
    type Response = Response;
    type Error = Inner::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Inner::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Inner::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let length = request.body().size_hint().exact();
        self.framing.body(length);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            if length.is_none() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of these bytes reaches hyper before it has said anything, and whether the head was whole.
    fn passed(text: &str) -> (String, bool) {
        let mut place = Place::Head(Line::default());
        let mut bytes = text.as_bytes().to_vec();
        let passed = place.pass(&mut bytes);
        bytes.truncate(passed);
        (String::from_utf8(bytes).expect("text"), matches!(place, Place::Unknown(_)))
    }

    #[test]
    fn nothing_behind_a_head_is_passed_on_and_a_bare_lf_is_marked_wherever_it_stands() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(passed(&format!("{head}GET /")), (head.into(), true));
        // Empty lines before a request are no end of it.
        assert_eq!(passed(&format!("\r\n\r\n{head}")), (format!("\r\n\r\n{head}"), true));
        assert_eq!(passed(&head[..head.len() - 1]), (head[..head.len() - 1].into(), false));
        assert_eq!(passed("GET / HTTP/1.1\r\r\n\r\n"), ("GET / HTTP/1.1\r\r\n\r\n".into(), true));
        for (bare, marked) in [
            ("\nGET /", "\0"),
            ("GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\0"),
            ("GET / HTTP/1.1\r\nA: b\n\r\n", "GET / HTTP/1.1\r\nA: b\0"),
            ("GET / HTTP/1.1\r\nA: b\r\n\nB: c", "GET / HTTP/1.1\r\nA: b\r\n\0"),
        ] {
            assert_eq!(passed(bare), (marked.into(), false), "{bare:?}");
        }
    }

    #[test]
    fn heads_are_looked_at_again_behind_a_body_and_bodies_are_left_alone() {
        let mut place = Place::Body(3);
        let mut bytes = *b"\n\n\nG\n";
        assert_eq!(place.pass(&mut bytes), 3);
        assert_eq!(place.pass(&mut bytes[3..]), 2);
        assert_eq!(&bytes, b"\n\n\nG\0");
        let mut place = Place::Last;
        assert_eq!(place.pass(&mut b"\n\n".to_owned()), 2);
    }
}
