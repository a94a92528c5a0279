//! Bounds that more than one part must agree on; a bound of one part alone stands in that part.

/// Longest identifier, in bytes.
pub const ID_MAX_CHARS: usize = 128;
/// Longest name of a person or title of a conference, in bytes.
pub const NAME_MAX_BYTES: usize = 256;
/// Most digits of an E.164 number (ITU-T E.164 §6.2.1).
pub const E164_MAX_DIGITS: usize = 15;
/// Fewest digits we dial with a plus sign; shorter ones are service numbers.
pub const E164_MIN_DIGITS: usize = 7;
/// Largest SOAP envelope, in bytes.
pub const SOAP_MAX_BYTES: usize = 64 * 1024;
/// Deepest element nesting of a SOAP envelope.
pub const SOAP_MAX_DEPTH: usize = 32;
/// Longest life of a command on its way, in seconds: after that nobody's telephone may ring for it.
pub const COMMAND_MAX_LIFE_S: u64 = 30;
/// How long a repeated command gets the first answer, in seconds.
pub const COMMAND_REPEAT_WINDOW_S: u64 = 600;
/// Most participants named in one command.
pub const PARTIES_MAX: usize = 500;
/// How long a called telephone rings unless policy says otherwise, in milliseconds.
pub const RING_TIMEOUT_MS: u64 = 45_000;
/// Longest name by which a bridge calls an incoming call, in bytes.
pub const CALL_MAX_BYTES: usize = 128;
/// Longest sentence about what became of the pictures or the sound, in characters; the rest is cut.
pub const BRIDGE_WORDS_MAX_CHARS: usize = 512;
/// Longest message of who declines, in characters; the rest is cut.
pub const DECLINE_MAX_CHARS: usize = 512;
/// How long it stands on the roster why somebody who is in did not get in at another place, in milliseconds.
pub const MOVE_TOLD_MS: u64 = 60_000;
