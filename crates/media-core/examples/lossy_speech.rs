//! Passes a speech file through a seeded lossy network and the jitter buffer: `lossy_speech IN.ulaw OUT.ulaw LOST SWAPPED SEED`
//! (percent); files are headerless µ-law at 8 kHz. For listening and for comparisons by PESQ.

use std::error::Error;
use std::fs;

use media_core::g711::Law;
use media_core::jitter::JitterBuffer;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, lost, swapped, seed] = &arguments[..] else {
        return Err("expected IN OUT LOST SWAPPED SEED".into());
    };
    let (lost, swapped, seed): (u64, u64, u64) = (lost.parse()?, swapped.parse()?, seed.parse()?);
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut chance = |percent: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % 100 < percent
    };
    let codes = fs::read(input)?;
    let mut buffer = JitterBuffer::new(Law::Mu);
    let mut heard = Vec::new();
    let mut held: Option<(u32, &[u8])> = None;
    let mut now = 0;
    for packet in codes.chunks_exact(160) {
        let timestamp = now;
        now += 160;
        // Packets arrive in the middle between two ticks.
        let arrival = now - 80;
        if chance(lost) {
        } else if held.is_none() && chance(swapped) {
            held = Some((timestamp, packet));
        } else {
            buffer.push(timestamp, packet, arrival);
            if let Some((timestamp, packet)) = held.take() {
                buffer.push(timestamp, packet, arrival);
            }
        }
        let mut frame = [0xFF; 160];
        buffer.pull(now, &mut frame);
        heard.extend_from_slice(&frame);
    }
    fs::write(output, heard)?;
    println!("{:?}", buffer.counts());
    Ok(())
}
