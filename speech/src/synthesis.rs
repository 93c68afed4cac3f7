//! Who speaks the robot's words.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::failure::SpeechError;

/// Samples a second of all speech, as on a telephone.
pub const RATE: u32 = 8_000;
/// The longest text that is spoken at once, in characters. Whoever has more speaks it in parts.
pub const TEXT_MAX: usize = 2_000;
/// The longest speech of one text: [`TEXT_MAX`] characters of Chinese are less.
pub const SPEECH_SECONDS_MAX: usize = 600;
/// Its samples.
pub(crate) const SPEECH_SAMPLES_MAX: usize = SPEECH_SECONDS_MAX * RATE as usize;
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

impl SpeechWish {
    /// The text; none where it has neither a letter nor a digit, which is silence. Services refuse such a text.
    pub(crate) fn words(&self) -> Result<Option<&str>, SpeechError> {
        let characters = self.text.chars().count();
        if characters > TEXT_MAX {
            return Err(SpeechError::TooLong(characters));
        }
        Ok(self.text.chars().any(char::is_alphanumeric).then_some(&*self.text))
    }

    /// The language that is wished for; else Chinese for a text with Han characters; else none.
    pub(crate) fn language(&self) -> Option<&str> {
        let han = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
        match &*self.language {
            "" => self.text.chars().any(han).then_some("zh"),
            language => Some(language),
        }
    }
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

#[async_trait]
impl<S: Synthesiser + ?Sized> Synthesiser for Arc<S> {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        (**self).speak(wish).await
    }
}

/// Speech as it is made: pieces of samples at [`RATE`]. Many calls hear the same text, so they share its samples.
pub struct SpokenStream(BoxStream<'static, Piece>);

/// Samples, or why there are no more.
pub type Piece = Result<Arc<[i16]>, SpeechError>;

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
    pub fn of(samples: impl Into<Arc<[i16]>>) -> Self {
        let samples: Arc<[i16]> = samples.into();
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

    /// Speech that is made as fast as it can be, by a task that is dropped when nobody listens any more. All of it is kept
    /// until it is taken, so that whoever makes it is soon free for another text.
    pub(crate) fn eager<W>(make: impl FnOnce(EagerSink) -> W) -> Self
    where
        W: Future<Output = Result<(), SpeechError>> + Send + 'static,
    {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let making = make(EagerSink { sender: sender.clone(), room: SPEECH_SAMPLES_MAX });
        tokio::spawn(async move {
            tokio::select! {
                made = making => if let Err(error) = made {
                    let _ = sender.send(Err(error));
                },
                () = sender.closed() => {}
            }
        });
        Self(stream::poll_fn(move |context| receiver.poll_recv(context)).boxed())
    }

    /// The same speech when its first samples are there, or its end. An error before them is told here.
    pub(crate) async fn begun(mut self) -> Result<Self, SpeechError> {
        match self.next().await {
            Some(piece) => Ok(Self(stream::iter([Ok(piece?)]).chain(self.0).boxed())),
            None => Ok(self),
        }
    }
}

/// Where speech goes that is made faster than anybody listens.
pub(crate) struct EagerSink {
    sender: mpsc::UnboundedSender<Piece>,
    room: usize,
}

impl EagerSink {
    /// Add the next piece; an empty one is left out. After an error the work is to end.
    pub fn add(&mut self, piece: Vec<i16>) -> Result<(), SpeechError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.room = self.room.checked_sub(piece.len()).ok_or_else(too_much)?;
        self.sender.send(Ok(piece.into())).map_err(|_| SpeechError::failed("nobody listens"))
    }

    pub fn is_empty(&self) -> bool {
        self.room == SPEECH_SAMPLES_MAX
    }
}

/// A provider that does not stop.
pub(crate) fn too_much() -> SpeechError {
    SpeechError::Failed(format!("a text became more than {SPEECH_SECONDS_MAX} s of speech"))
}

impl fmt::Debug for SpokenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpokenStream")
    }
}

impl SpokenSink {
    /// Add a piece; false when nobody listens any more, and the work is to end.
    pub async fn add(&self, samples: impl Into<Arc<[i16]>>) -> bool {
        self.0.send(Ok(samples.into())).await.is_ok()
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

/// A provider that answers words with silence.
pub(crate) fn silent() -> SpeechError {
    SpeechError::Failed("a text with words became no sound".into())
}
