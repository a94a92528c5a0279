//! Addresses of record as keys: `user@domain`, the domain in lower case.

use sip_proto::Uri;

/// Longest user part that can be anybody's (as in `convoke_types::Aor`).
const USER_MAX_BYTES: usize = 64;

/// The key of a SIP URI's address of record; `None` when it names nobody.
pub(crate) fn key_of(uri: &Uri) -> Option<String> {
    if !uri.is_sip() {
        return None;
    }
    let user = uri.user_decoded()?;
    let user_ok = (1..=USER_MAX_BYTES).contains(&user.len())
        && user
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'+&=$".contains(&b));
    if !user_ok {
        return None;
    }
    let mut key = String::with_capacity(user.len() + 1 + uri.host().len());
    key.push_str(&user);
    key.push('@');
    key.push_str(uri.host());
    if let Some(domain) = key.get_mut(user.len()..) {
        domain.make_ascii_lowercase();
    }
    Some(key)
}

/// The user of a key.
pub(crate) fn user_of(key: &str) -> &str {
    key.split_once('@').map_or(key, |(user, _)| user)
}
