//! How many connections Janus may carry where nobody says: what a core forwards is measured at the first start, and kept by the kind of
//! processor, since the data directory may move to another machine.
//!
//! Measured is what no video server can do without ([`media::forwarding`]). Janus does more: [`JANUS_COSTS`] is how many times as much
//! processor time it takes for a packet. On machines of one kind (AMD EPYC, two virtual cores) the measure takes 4.9 µs for a packet, and
//! Janus 1.1.2 with its VideoRoom 39 to 40 µs where 50 to 100 see one picture. That is an estimate: Janus was measured by hand while this was
//! designed, no test or benchmark here repeats it, and the two are not of one run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use media::forwarding::{self, PACKET_BYTES};

use crate::config::Config;
use crate::files::FORWARDING_FILE;
use crate::start::StartError;

/// How long one core is measured.
const MEASURED: Duration = Duration::from_secs(2);
/// Processor time that Janus takes for a packet, in that of the measure.
const JANUS_COSTS: u64 = 8;
/// What of a core is given to pictures, in percent: beyond it, packets begin to be late.
const SHARE_PERCENT: u64 = 70;
/// Pictures that are forwarded for each connection that was promised. In a conference of four who all show themselves these are twelve for
/// twelve; the larger the conference, the more a connection that sees them costs, but then fewer show.
const PICTURES_EACH: u64 = 1;
/// The bounds of what is announced, as for a capacity that is written.
const CAPACITY_MIN: u64 = 1;
const CAPACITY_MAX: u64 = 10_000;

/// What is written, or what was measured, here and now if that has not been done yet.
pub(super) async fn of(config: &Config) -> Result<u32, StartError> {
    let janus = &config.janus;
    if let Some(written) = janus.capacity {
        return Ok(written);
    }
    let packets = packets_per_second(config).await?;
    let capacity = capacity(packets, janus.cores, janus.picture_kbit);
    tracing::info!(
        packets,
        cores = janus.cores,
        capacity,
        "what Janus may carry, by what a core forwards"
    );
    Ok(capacity)
}

fn capacity(packets: u32, cores: u32, picture_kbit: u32) -> u32 {
    let of_janus = u64::from(packets) * u64::from(cores) * SHARE_PERCENT / 100 / JANUS_COSTS;
    let packet_bits = PACKET_BYTES as u64 * 8;
    let picture = (u64::from(picture_kbit) * 1_000)
        .div_ceil(packet_bits)
        .max(1);
    let carried = of_janus / picture / PICTURES_EACH;
    u32::try_from(carried.clamp(CAPACITY_MIN, CAPACITY_MAX)).unwrap_or(u32::MAX)
}

/// Packets that a core of this machine forwards in a second.
async fn packets_per_second(config: &Config) -> Result<u32, StartError> {
    let path = config.data_dir().join(FORWARDING_FILE);
    let processor = processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
    // A file that cannot be read is written anew.
    let kept = fs::read(&path).unwrap_or_default();
    let mut kept: BTreeMap<String, u32> = serde_json::from_slice(&kept).unwrap_or_default();
    if let Some(packets) = kept.get(&processor).filter(|packets| **packets > 0) {
        return Ok(*packets);
    }
    tracing::info!(processor, "measuring what a core forwards, once");
    let measuring = tokio::task::spawn_blocking(|| forwarding::packets_per_second(MEASURED));
    let measured = measuring
        .await
        .map_err(io::Error::other)
        .and_then(|one| one);
    let failed = |error: io::Error| StartError::Part {
        part: "janus",
        words: format!(
            "what a core forwards could not be measured ({error}): write janus.capacity"
        ),
    };
    let packets = measured.map_err(failed)?;
    kept.insert(processor, packets);
    // Next time it is measured again.
    let text = serde_json::to_vec_pretty(&kept).unwrap_or_default();
    if let Err(error) = fs::write(&path, text) {
        tracing::warn!(path = %path.display(), %error, "what was measured could not be kept");
    }
    Ok(packets)
}

/// The kind of processor, as Linux tells it; on ARM by its numbers.
fn processor(cpuinfo: &str) -> String {
    let value = |name: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.trim() == name);
        found.map(|(_, value)| value.trim().to_owned())
    };
    let arm = || {
        let (maker, part) = (value("CPU implementer")?, value("CPU part")?);
        Some(format!("{maker} {part}"))
    };
    value("model name")
        .or_else(arm)
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &std::path::Path, text: &str) -> Config {
        let text = format!("{text}\n[server]\ndata_dir = {directory:?}\nroles = [\"janus\"]");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn processors_are_told_apart() {
        let intel = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nflags\t: a b\n";
        assert_eq!(processor(intel), "Some CPU @ 2.00GHz");
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(processor(arm), "0x41 0xd0c");
        assert_eq!(processor(""), "unknown");
    }

    #[test]
    fn larger_pictures_and_fewer_cores_carry_less() {
        let usual = capacity(200_000, 1, 1_000);
        assert!((50..500).contains(&usual), "{usual}");
        assert!(capacity(200_000, 2, 1_000) > usual);
        assert!(capacity(200_000, 1, 4_000) < usual);
        assert_eq!(capacity(1, 1, 1_000), 1);
        assert_eq!(capacity(u32::MAX, 256, 1), 10_000);
    }

    #[tokio::test]
    async fn it_is_measured_once_and_what_is_written_counts_more() {
        let directory = tempfile::tempdir().unwrap();
        let written = config(directory.path(), "[janus]\ncapacity = 7");
        assert_eq!(of(&written).await.unwrap(), 7);
        let kept = directory.path().join(FORWARDING_FILE);
        assert!(!kept.exists(), "nothing is measured for that");
        let measured = config(directory.path(), "");
        let first = of(&measured).await.unwrap();
        assert!((1..=10_000).contains(&first));
        // What was kept is taken, as a later start does.
        let text = fs::read_to_string(&kept).unwrap();
        let by_processor: BTreeMap<String, u32> = serde_json::from_str(&text).unwrap();
        assert_eq!(by_processor.len(), 1);
        let slower = by_processor.into_keys().map(|processor| (processor, 5_000));
        let slower: BTreeMap<String, u32> = slower.collect();
        fs::write(&kept, serde_json::to_vec(&slower).unwrap()).unwrap();
        assert_eq!(of(&measured).await.unwrap(), capacity(5_000, 1, 1_000));
    }
}
