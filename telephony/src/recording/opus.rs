//! Recordings as Opus in Ogg (RFC 6716, RFC 7845): a tenth of the WAV's size or less.
//!
//! A call is recorded as WAV, as that costs a call next to nothing while it is up; Opus costs some milliseconds a second
//! of audio, and is made of the WAV when that is whole. Memory is bounded whatever the length. Blocking.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use hound::WavReader;
use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus_rs::{Application, OpusEncoder};

use super::{RATE, Recorded, wav_error};

/// Bits a second of both sides together; of silence far fewer.
const BITRATE: i32 = 32_000;
/// Of 10. More makes it slower, and speech from a telephone no better.
const COMPLEXITY: i32 = 3;
const CHANNELS: usize = 2;
/// Samples of one side in a packet: 20 ms.
const PACKET_ROWS: usize = 160;
const PACKET_BYTES_MAX: usize = 1_276;
/// Packets of a page: a second can be sought.
const PAGE_PACKETS: u64 = 50;
/// Ogg counts at 48 kHz, whatever is inside.
const TICKS_A_ROW: u64 = 6;
/// What an encoder at 8 kHz holds back: 6.5 ms.
const PRE_SKIP_TICKS: u16 = 312;
const HEADER: &[u8; 8] = b"OpusHead";
const TAGS: &[u8; 8] = b"OpusTags";
const VENDOR: &[u8] = b"callwright";

/// Write the recording at `wav` (stereo, 8 kHz) as Opus to `opus`, whose folder exists. It appears under its name
/// only when it is whole and on the disk; a failure leaves nothing behind.
pub fn from_wav(wav: &Path, opus: &Path) -> io::Result<Recorded> {
    let draft = opus.with_extension("part");
    convert(wav, &draft, opus).inspect_err(|_| {
        // Where it was not even made there is nothing to remove.
        let _ = fs::remove_file(&draft);
    })
}

fn convert(wav: &Path, draft: &Path, opus: &Path) -> io::Result<Recorded> {
    let mut reader = WavReader::open(wav).map_err(wav_error)?;
    let spec = reader.spec();
    if (usize::from(spec.channels), spec.sample_rate, spec.bits_per_sample) != (CHANNELS, RATE, 16)
    {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a recording of a call"));
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(draft)?;
    let mut stream = Stream::begin(BufWriter::new(&file))?;
    let mut samples = reader.samples::<i16>();
    let rows = u64::from(samples.len() as u32) / CHANNELS as u64;
    // Silence after the end pushes out what the encoder holds back.
    let last = rows * TICKS_A_ROW + u64::from(PRE_SKIP_TICKS);
    let packets = last.div_ceil(PACKET_ROWS as u64 * TICKS_A_ROW);
    for number in 1..=packets {
        let mut packet = [0; PACKET_ROWS * CHANNELS];
        for (place, sample) in packet.iter_mut().zip(&mut samples) {
            *place = sample.map_err(wav_error)?;
        }
        stream.add(&packet, number, packets, last)?;
    }
    stream.ogg.into_inner().flush()?;
    file.sync_all()?;
    fs::rename(draft, opus)?;
    if let Some(folder) = opus.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    let bytes = file.metadata()?.len();
    Ok(Recorded { bytes, duration_ms: rows * 1_000 / u64::from(RATE) })
}

struct Stream<'a, W: Write> {
    ogg: PacketWriter<'a, W>,
    encoder: OpusEncoder,
    serial: u32,
}

impl<W: Write> Stream<'_, W> {
    fn begin(to: W) -> io::Result<Self> {
        let rate = i32::try_from(RATE).map_err(io::Error::other)?;
        let mut encoder =
            OpusEncoder::new(rate, CHANNELS, Application::Voip).map_err(io::Error::other)?;
        encoder.bitrate_bps = BITRATE;
        encoder.complexity = COMPLEXITY;
        encoder.use_cbr = false;
        let mut stream = Self { ogg: PacketWriter::new(to), encoder, serial: rand::random() };
        // Version 1, no gain, the plain order of channels.
        let mut head = [HEADER.as_slice(), &[1, CHANNELS as u8]].concat();
        head.extend_from_slice(&PRE_SKIP_TICKS.to_le_bytes());
        head.extend_from_slice(&RATE.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        let mut tags = [TAGS.as_slice(), &(VENDOR.len() as u32).to_le_bytes(), VENDOR].concat();
        tags.extend_from_slice(&[0; 4]);
        stream.write(head, PacketWriteEndInfo::EndPage, 0)?;
        stream.write(tags, PacketWriteEndInfo::EndPage, 0)?;
        Ok(stream)
    }

    /// Packet `number` of so many, of a stream that ends at the tick `last`.
    fn add(&mut self, rows: &[i16], number: u64, packets: u64, last: u64) -> io::Result<()> {
        let mut bytes = vec![0; PACKET_BYTES_MAX];
        let length =
            self.encoder.encode_i16(rows, PACKET_ROWS, &mut bytes).map_err(io::Error::other)?;
        bytes.truncate(length);
        let end = if number == packets {
            PacketWriteEndInfo::EndStream
        } else if number.is_multiple_of(PAGE_PACKETS) {
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        let tick = (number * PACKET_ROWS as u64 * TICKS_A_ROW).min(last);
        self.write(bytes, end, tick)
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, tick: u64) -> io::Result<()> {
        self.ogg.write_packet(Cow::Owned(packet), self.serial, end, tick)
    }
}

#[cfg(test)]
mod tests {
    use ogg::reading::PacketReader;
    use opus_rs::OpusDecoder;

    use super::*;
    use crate::recording::{Side, Span, write};

    /// The samples of both sides in turn, and the tick at which the stream ends.
    fn decoded(path: &Path) -> (Vec<f32>, u64) {
        let mut reader = PacketReader::new(File::open(path).unwrap());
        let head = reader.read_packet_expected().unwrap().data;
        assert_eq!((&head[..8], head[9], head.len()), (HEADER.as_slice(), 2, 19));
        let tags = reader.read_packet_expected().unwrap().data;
        assert_eq!(&tags[..8], TAGS);
        let mut decoder = OpusDecoder::new(8_000, 2).unwrap();
        let (mut samples, mut end) = (Vec::new(), 0);
        while let Some(packet) = reader.read_packet().unwrap() {
            let mut rows = [0.0; PACKET_ROWS * CHANNELS];
            assert_eq!(decoder.decode(&packet.data, PACKET_ROWS, &mut rows).unwrap(), PACKET_ROWS);
            samples.extend(rows);
            end = packet.absgp_page();
        }
        (samples, end)
    }

    /// How loud each side is within a stretch.
    fn loudness(samples: &[f32], from_ms: usize, to_ms: usize) -> [f32; 2] {
        let skip = usize::from(PRE_SKIP_TICKS) / TICKS_A_ROW as usize;
        let stretch = &samples[(from_ms * 8 + skip) * 2..(to_ms * 8 + skip) * 2];
        [0, 1].map(|side| {
            let squares = stretch.iter().skip(side).step_by(2).map(|sample| sample * sample);
            (squares.sum::<f32>() * 2.0 / stretch.len() as f32).sqrt()
        })
    }

    #[test]
    fn each_side_is_heard_on_its_own_channel_at_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, opus) = (folder.path().join("call.wav"), folder.path().join("call.opus"));
        let span = |side, from_ms, text: &str| Span {
            side,
            from_ms,
            to_ms: from_ms + 2_000,
            text: text.to_owned(),
        };
        let spans = [
            span(Side::Robot, 500, "Good morning to you all"),
            span(Side::Customer, 5_000, "Who is it that is calling me"),
        ];
        let of_wav = write(&wav, &spans, 8_005).unwrap();
        let recorded = from_wav(&wav, &opus).unwrap();
        assert_eq!(recorded.duration_ms, of_wav.duration_ms);
        assert_eq!(recorded.bytes, fs::metadata(&opus).unwrap().len());
        assert!(recorded.bytes * 8 < of_wav.bytes, "{} of {}", recorded.bytes, of_wav.bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let (samples, end) = decoded(&opus);
        assert_eq!(end, 8_005 * 48 + u64::from(PRE_SKIP_TICKS));
        let [customer, robot] = loudness(&samples, 600, 1_200);
        assert!(robot > 0.05 && customer < 0.005, "{customer} and {robot}");
        let [customer, robot] = loudness(&samples, 5_100, 5_700);
        assert!(customer > 0.05 && robot < 0.005, "{customer} and {robot}");
        for quiet in [loudness(&samples, 0, 480), loudness(&samples, 7_500, 7_990)] {
            assert!(quiet.iter().all(|side| *side < 0.005), "{quiet:?}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let wav = folder.path().join("call.wav");
        let refused = || from_wav(&wav, &folder.path().join("call.opus")).is_err();
        fs::write(&wav, b"RIFF, or so it says").unwrap();
        assert!(refused());
        // One that breaks off in the middle.
        write(&wav, &[], 500).unwrap();
        let whole = fs::read(&wav).unwrap();
        fs::write(&wav, &whole[..whole.len() / 2]).unwrap();
        assert!(refused());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
