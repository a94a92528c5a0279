//! What is wrong with a document: where, what was expected, what came.

use convoke_types::{Fault, FaultCode};

use crate::headers::Headers;

/// A refusal by the parser. It becomes a SOAP Fault by `Fault::from`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: expected {expected}, came {came}")]
pub struct SoapError {
    /// `BadRequest`; `UnknownOperation` when the document is a good envelope with a body that is not ours; `VersionMismatch` and
    /// `MustUnderstand` as in SOAP 1.1 §4.4.1.
    pub code: FaultCode,
    /// Path of the element, with our prefixes: `s:Envelope/s:Body/c:create`.
    pub at: String,
    /// What would have been accepted.
    pub expected: String,
    /// What came, shortened; never more than a name or a short value.
    pub came: String,
    /// The headers, when those were good: a fault can then be sent to the ReplyTo.
    pub headers: Option<Box<Headers>>,
}

/// Longest piece of a refused document that an error repeats, in characters.
const CAME_MAX_CHARS: usize = 80;

impl SoapError {
    pub(crate) fn new(at: &str, expected: impl Into<String>, came: impl AsRef<str>) -> Self {
        Self {
            code: FaultCode::BadRequest,
            at: at.to_owned(),
            expected: expected.into(),
            came: came
                .as_ref()
                .chars()
                .filter(|c| !c.is_control())
                .take(CAME_MAX_CHARS)
                .collect(),
            headers: None,
        }
    }

    pub(crate) fn with_code(self, code: FaultCode) -> Self {
        Self { code, ..self }
    }
}

impl From<SoapError> for Fault {
    fn from(error: SoapError) -> Self {
        Fault::new(
            error.code,
            error.expected,
            format!("{} at {}", error.came, error.at),
        )
    }
}
