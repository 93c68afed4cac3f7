//! What a session plays: samples that are there, or samples that are still being made.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::MediaError;
use super::frame::{FRAME_SAMPLES, Frame, SAMPLES_A_MS};

/// Pieces that wait in a stream; whoever makes more waits.
const PIECES_MAX: usize = 8;

/// One playback of a plane. It is never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaybackId(pub(super) u64);

/// Audio to play: 8 kHz, 16 bit, mono.
#[derive(Debug)]
pub struct Source(Kind);

#[derive(Debug)]
enum Kind {
    Samples { samples: Arc<[i16]>, at: usize },
    Stream { pieces: mpsc::Receiver<Arc<[i16]>>, ready: Ready, ended: Ended },
}

/// Pieces that have come, without a copy.
#[derive(Debug, Default)]
struct Ready {
    pieces: VecDeque<Arc<[i16]>>,
    /// Samples of the first piece that were sent.
    sent: usize,
    /// Samples of all that were not.
    left: usize,
}

impl Ready {
    fn add(&mut self, piece: Arc<[i16]>) {
        self.left += piece.len();
        self.pieces.push_back(piece);
    }

    /// Copy the next samples, as far as they are there.
    fn copy(&self, frame: &mut Frame) {
        let (mut rest, mut skipped) = (frame.as_mut_slice(), self.sent);
        for piece in &self.pieces {
            let samples = &piece[skipped..];
            let count = samples.len().min(rest.len());
            let (place, behind) = std::mem::take(&mut rest).split_at_mut(count);
            place.copy_from_slice(&samples[..place.len()]);
            if behind.is_empty() {
                break;
            }
            (rest, skipped) = (behind, 0);
        }
    }

    fn advance(&mut self, count: usize) {
        let count = count.min(self.left);
        self.left -= count;
        self.sent += count;
        while let Some(first) = self.pieces.front()
            && first.len() <= self.sent
        {
            self.sent -= first.len();
            self.pieces.pop_front();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    NotYet,
    Yes,
}

impl Source {
    /// Samples that are all there. Shared, so a prompt is in memory once for all calls.
    pub fn samples(samples: Arc<[i16]>) -> Self {
        Self(Kind::Samples { samples, at: 0 })
    }

    /// A stream that is filled while it plays, for speech that is being synthesised. It ends when the
    /// [`SpeechStream`] is dropped. Where it runs dry in between, silence is sent.
    pub fn stream() -> (SpeechStream, Self) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let kind = Kind::Stream { pieces, ready: Ready::default(), ended: Ended::NotYet };
        (SpeechStream { pieces: sender }, Self(kind))
    }

    /// The next frame, filled up with silence, without taking it. What it says comes true when the
    /// frame is sent and [`Source::advance`] is called.
    pub(super) fn peek(&mut self, frame: &mut Frame) -> Peeked {
        frame.fill(0);
        match &mut self.0 {
            Kind::Samples { samples, at } => {
                let rest = &samples[*at..];
                let count = rest.len().min(FRAME_SAMPLES);
                frame[..count].copy_from_slice(&rest[..count]);
                Peeked::of(count, rest.len() <= FRAME_SAMPLES)
            }
            Kind::Stream { pieces, ready, ended } => {
                // One sample more than a frame tells that this frame is not the last.
                while ready.left <= FRAME_SAMPLES && *ended == Ended::NotYet {
                    match pieces.try_recv() {
                        Ok(piece) => ready.add(piece),
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Disconnected) => *ended = Ended::Yes,
                    }
                }
                ready.copy(frame);
                let last = *ended == Ended::Yes && ready.left <= FRAME_SAMPLES;
                Peeked::of(ready.left.min(FRAME_SAMPLES), last)
            }
        }
    }

    /// So many samples were sent.
    pub(super) fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Kind::Samples { samples, at } => *at = (*at + count).min(samples.len()),
            Kind::Stream { ready, .. } => ready.advance(count),
        }
    }
}

/// What a frame holds of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peeked {
    /// So many samples; more will come.
    Some(usize),
    /// So many samples, the last ones.
    Last(usize),
}

impl Peeked {
    fn of(count: usize, last: bool) -> Self {
        if last { Self::Last(count) } else { Self::Some(count) }
    }
}

/// The end of a stream that is filled.
#[derive(Debug, Clone)]
pub struct SpeechStream {
    pieces: mpsc::Sender<Arc<[i16]>>,
}

impl SpeechStream {
    /// Add a piece; waits while enough are waiting. Fails when the playback is over. Samples that other calls play,
    /// too, are in memory once for all of them.
    pub async fn add(&self, samples: impl Into<Arc<[i16]>>) -> Result<(), MediaError> {
        self.pieces.send(samples.into()).await.map_err(|_| MediaError::Over)
    }
}

/// A source on its way out, and how much of it has left.
#[derive(Debug)]
pub(super) struct Playback {
    pub(super) id: PlaybackId,
    source: Source,
    sent_samples: u64,
    peeked: Peeked,
}

/// What a sent frame was to its playback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Played {
    First,
    More,
    /// First and last at once, where all fits into a frame.
    Only {
        played_ms: u64,
    },
    Last {
        played_ms: u64,
    },
    /// The stream had nothing to give.
    Nothing,
}

impl Playback {
    pub(super) fn new(id: PlaybackId, source: Source) -> Self {
        Self { id, source, sent_samples: 0, peeked: Peeked::Some(0) }
    }

    pub(super) fn peek(&mut self, frame: &mut Frame) {
        self.peeked = self.source.peek(frame);
    }

    /// The frame last peeked at was sent.
    pub(super) fn sent(&mut self) -> Played {
        let before = self.sent_samples;
        let (count, last) = match self.peeked {
            Peeked::Some(count) => (count, false),
            Peeked::Last(count) => (count, true),
        };
        self.source.advance(count);
        self.sent_samples += count as u64;
        self.peeked = Peeked::Some(0);
        let played_ms = self.played_ms();
        match (before == 0, last, count) {
            (true, true, _) => Played::Only { played_ms },
            (false, true, _) => Played::Last { played_ms },
            (_, false, 0) => Played::Nothing,
            (true, false, _) => Played::First,
            (false, false, _) => Played::More,
        }
    }

    pub(super) fn played_ms(&self) -> u64 {
        self.sent_samples / SAMPLES_A_MS as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play_out(playback: &mut Playback) -> (Vec<i16>, Played) {
        let (mut heard, mut frame) = (Vec::new(), [0; FRAME_SAMPLES]);
        loop {
            playback.peek(&mut frame);
            // A frame may be built twice before it leaves; that takes nothing.
            playback.peek(&mut frame);
            let played = playback.sent();
            heard.extend_from_slice(&frame);
            if matches!(played, Played::Last { .. } | Played::Only { .. }) || heard.len() > 100_000
            {
                return (heard, played);
            }
        }
    }

    #[test]
    fn samples_are_played_once_and_counted_in_milliseconds() {
        let samples: Vec<i16> = (1..=400).collect();
        let mut playback = Playback::new(PlaybackId(1), Source::samples(samples.clone().into()));
        let (heard, last) = play_out(&mut playback);
        assert_eq!(heard[..400], samples);
        assert_eq!((heard.len(), heard[400]), (480, 0));
        assert_eq!(last, Played::Last { played_ms: 50 });
    }

    #[test]
    fn a_whole_number_of_frames_ends_with_its_last_frame() {
        let mut playback = Playback::new(PlaybackId(1), Source::samples(vec![1; 320].into()));
        let (heard, last) = play_out(&mut playback);
        assert_eq!((heard.len(), last), (320, Played::Last { played_ms: 40 }));
        let mut empty = Playback::new(PlaybackId(1), Source::samples(Vec::new().into()));
        assert_eq!(play_out(&mut empty).1, Played::Only { played_ms: 0 });
    }

    #[tokio::test]
    async fn a_stream_that_runs_dry_is_silent_and_goes_on() {
        let (stream, source) = Source::stream();
        let mut playback = Playback::new(PlaybackId(1), source);
        let mut frame = [9; FRAME_SAMPLES];
        playback.peek(&mut frame);
        assert_eq!(playback.sent(), Played::Nothing);
        assert_eq!(frame, [0; FRAME_SAMPLES]);
        stream.add(vec![5; 100]).await.unwrap();
        stream.add(vec![6; 100]).await.unwrap();
        playback.peek(&mut frame);
        assert_eq!(playback.sent(), Played::First);
        assert_eq!((frame[99], frame[100], frame[159]), (5, 6, 6));
        drop(stream);
        playback.peek(&mut frame);
        assert_eq!(playback.sent(), Played::Last { played_ms: 25 });
        assert_eq!((frame[39], frame[40]), (6, 0));
    }

    #[tokio::test]
    async fn pieces_follow_on_each_other_whatever_their_length() {
        let (stream, source) = Source::stream();
        let mut playback = Playback::new(PlaybackId(1), source);
        let all: Vec<i16> = (0..30_000).collect();
        stream.add(&all[..20_000]).await.unwrap();
        stream.add([]).await.unwrap();
        for piece in [&all[20_000..20_003], &all[20_003..28_000], &all[28_000..]] {
            stream.add(piece).await.unwrap();
        }
        drop(stream);
        let (heard, last) = play_out(&mut playback);
        assert_eq!(heard[..30_000], all);
        assert!(heard[30_000..].iter().all(|sample| *sample == 0));
        assert_eq!(last, Played::Last { played_ms: 3_750 });
    }

    #[tokio::test]
    async fn who_speaks_learns_that_nobody_listens_any_more() {
        let (stream, source) = Source::stream();
        assert!(stream.add(vec![0]).await.is_ok());
        drop(source);
        assert!(matches!(stream.add(vec![0]).await, Err(MediaError::Over)));
    }
}
