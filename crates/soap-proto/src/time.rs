//! Moments on the wire: `2026-11-20T15:04:38.123Z`, always UTC, years 2000 to 2099.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtcMillis(pub u64);

const DAY_MS: u64 = 86_400_000;
/// 2000-01-01T00:00:00Z.
const FIRST_MS: u64 = 946_684_800_000;
/// 2100-01-01T00:00:00Z.
const END_MS: u64 = 4_102_444_800_000;

impl UtcMillis {
    /// This moment, moved into the years that the schema can say.
    pub fn clamped(self) -> Self {
        Self(self.0.clamp(FIRST_MS, END_MS - 1))
    }

    /// Reads `20YY-MM-DDThh:mm:ss[.f[f[f]]]Z` and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shape = b"2000-00-00T00:00:00";
        let (main, tail) = bytes.split_at_checked(shape.len())?;
        let fits = main.iter().zip(shape).enumerate().all(|(i, (b, s))| {
            if i < 2 || !s.is_ascii_digit() {
                b == s
            } else {
                b.is_ascii_digit()
            }
        });
        if !fits {
            return None;
        }
        let number = |from: usize, len: usize| -> Option<u64> {
            text.get(from..from.checked_add(len)?)?.parse().ok()
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        if hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
            return None;
        }
        if day < 1 || day > month_days(year, month) {
            return None;
        }
        let mut days = day - 1;
        days += (2000..year).map(year_days).sum::<u64>();
        days += (1..month).map(|m| month_days(year, m)).sum::<u64>();
        let seconds = hour * 3600 + minute * 60 + second;
        Some(Self(
            FIRST_MS + days * DAY_MS + seconds * 1000 + fraction(tail)?,
        ))
    }
}

/// `Z`, or `.` and one to three digits and `Z`; as milliseconds.
fn fraction(tail: &[u8]) -> Option<u64> {
    let digits = match tail.strip_suffix(b"Z")? {
        [] => return Some(0),
        [b'.', digits @ ..] => digits,
        _ => return None,
    };
    if !(1..=3).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let weights = [100u64, 10, 1];
    Some(
        digits
            .iter()
            .zip(weights)
            .map(|(d, w)| u64::from(d - b'0') * w)
            .sum(),
    )
}

fn is_leap(year: u64) -> bool {
    // Within 2000 to 2099 every fourth year is one, 2000 included.
    year.is_multiple_of(4)
}
fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}
fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.clamped().0 - FIRST_MS;
        let (mut days, in_day) = (since / DAY_MS, since % DAY_MS);
        let mut year = 2000;
        while days >= year_days(year) {
            days -= year_days(year);
            year += 1;
        }
        let mut month = 1;
        while days >= month_days(year, month) {
            days -= month_days(year, month);
            month += 1;
        }
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (second, ms) = (in_day / 1000 % 60, in_day % 1000);
        let day = days + 1;
        write!(
            f,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_they_were_written() {
        for (text, ms) in [
            ("2000-01-01T00:00:00.000Z", FIRST_MS),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2026-11-20T15:04:38.000Z", 1_795_187_078_000),
            ("2099-12-31T23:59:59.999Z", END_MS - 1),
        ] {
            assert_eq!(UtcMillis::parse(text), Some(UtcMillis(ms)), "{text}");
            assert_eq!(UtcMillis(ms).to_string(), text);
        }
        assert_eq!(
            UtcMillis::parse("2000-01-01T00:00:00.5Z"),
            Some(UtcMillis(FIRST_MS + 500))
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00+00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.1234Z",
            "1999-12-31T00:00:00Z",
            "2100-01-01T00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-0aT00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
        ] {
            assert_eq!(UtcMillis::parse(text), None, "{text}");
        }
    }
}
