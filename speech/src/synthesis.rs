//! Who speaks the robot's words.

use std::fmt;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::failure::SpeechError;

/// Samples a second of all speech, as on a telephone.
pub const RATE: u32 = 8_000;
/// The longest text that is spoken at once, in characters. Whoever has more speaks it in parts.
pub const TEXT_MAX: usize = 2_000;
/// Pieces of speech that wait to be taken.
const PIECES_MAX: usize = 8;

/// What is to be spoken, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SpeechWish {
    pub text: String,
    /// The voice; empty: the provider's own.
    pub voice: String,
    /// The language, as `en` or `zh`; empty: told from the text, or the provider's own.
    pub language: String,
}

/// Turns text into speech, for many calls at a time.
#[async_trait]
pub trait Synthesiser: Send + Sync {
    /// Begin to speak. It returns when the first samples are there, so that whoever waits can ask another in time.
    /// Dropping the future, or the stream, ends the work.
    ///
    /// A text without a word that can be spoken is a stream without samples.
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError>;
}

/// Speech as it is made: pieces of samples at [`RATE`].
pub struct SpokenStream(BoxStream<'static, Piece>);

/// Samples, or why there are no more.
type Piece = Result<Vec<i16>, SpeechError>;

/// Where a synthesiser puts the speech that it makes.
#[derive(Debug, Clone)]
pub struct SpokenSink(mpsc::Sender<Piece>);

impl SpokenStream {
    /// A stream, and the end at which it is filled.
    pub fn new() -> (SpokenSink, Self) {
        let (sender, mut receiver) = mpsc::channel(PIECES_MAX);
        let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
        (SpokenSink(sender), Self(pieces.boxed()))
    }

    /// Speech that is there already.
    pub fn of(samples: Vec<i16>) -> Self {
        let piece = (!samples.is_empty()).then_some(Ok(samples));
        Self(stream::iter(piece).boxed())
    }

    /// Speech that is made while it is listened to. Dropping the stream drops these pieces, and whatever they hold.
    pub fn from_pieces(pieces: impl Stream<Item = Piece> + Send + 'static) -> Self {
        Self(pieces.boxed())
    }

    /// The next piece; none when all of it was spoken. After an error nothing comes any more. Cancel safe.
    pub async fn next(&mut self) -> Option<Piece> {
        let piece = self.0.next().await;
        if matches!(piece, Some(Err(_))) {
            self.0 = stream::empty().boxed();
        }
        piece
    }

    /// What follows this piece.
    pub(crate) fn after(self, piece: Vec<i16>) -> Self {
        Self(stream::iter([Ok(piece)]).chain(self.into_pieces()).boxed())
    }

    /// The pieces, up to the first error.
    pub(crate) fn into_pieces(self) -> BoxStream<'static, Piece> {
        let next = |mut speech: Self| async move {
            let piece = speech.next().await?;
            Some((piece, speech))
        };
        stream::unfold(self, next).boxed()
    }
}

impl fmt::Debug for SpokenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpokenStream")
    }
}

impl SpokenSink {
    /// Add a piece; false when nobody listens any more, and the work is to end.
    pub async fn add(&self, samples: Vec<i16>) -> bool {
        self.0.send(Ok(samples)).await.is_ok()
    }

    /// The speech ends here, as its making has failed.
    pub async fn fail(&self, error: SpeechError) {
        // Nobody may listen any more, and then nobody needs to know.
        let _ = self.0.send(Err(error)).await;
    }

    /// Wait until nobody listens any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}
