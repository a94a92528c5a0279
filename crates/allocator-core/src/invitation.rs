//! The body by which people are invited (docs/messages.md, `urn:convoke:invitation:1`), with their way in beside it.

use convoke_types::{Aor, ConferenceId, Mode};
use service_core::xml::escaped;
use soap_proto::{UtcMillis, clean_name, clean_words, names};

/// Its Content-Type.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.convoke.invitation+xml";
const NS: &str = "urn:convoke:invitation:1";

/// What an invitation says.
pub(crate) struct Invitation<'a> {
    pub id: &'a str,
    pub conference: &'a ConferenceId,
    pub uri: &'a str,
    pub title: &'a str,
    /// Their telephone rings as well.
    pub rings: bool,
    pub expires: UtcMillis,
    pub asker: &'a Aor,
    pub asker_name: &'a str,
    pub mode: Mode,
    pub link: Option<&'a str>,
    pub words: &'a str,
}

/// Writes it.
pub(crate) fn write(invitation: &Invitation<'_>) -> String {
    let kind = if invitation.rings { "call" } else { "invite" };
    let link = invitation
        .link
        .map(|link| format!(" link=\"{}\"", escaped(link)))
        .unwrap_or_default();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<invitation xmlns=\"{NS}\" xmlns:v=\"{}\" id=\"{}\" conference=\"{}\" \
         uri=\"{}\" title=\"{}\" kind=\"{kind}\" expires=\"{}\">\n <from user=\"{}\" name=\"{}\"/>\n \
         <v:way mode=\"{}\"{link}>{}</v:way>\n</invitation>\n",
        names::VIDEO_NS,
        escaped(invitation.id),
        invitation.conference,
        escaped(invitation.uri),
        escaped(&clean_name(invitation.title)),
        invitation.expires,
        escaped(&invitation.asker.to_string()),
        escaped(&clean_name(invitation.asker_name)),
        invitation.mode,
        escaped(&clean_words(invitation.words)),
    )
}
