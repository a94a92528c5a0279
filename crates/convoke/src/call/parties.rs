//! Who is to be called, as people type it: `bob`, `bob@domain`, `Carol Diaz (work)`, `+1 555 0107`.

use soap_proto::{Create, Party, Policy, Who};

use crate::cli::Call;

/// Fewest digits of a text that is taken for a number.
const NUMBER_DIGITS_MIN: usize = 3;

/// What `create` carries for these options; `me` is the caller's address.
pub fn create(options: &Call, me: &str) -> Create {
    let mut initiator = Party::of(Who::Person(me.to_owned()));
    match options.from.as_deref().map(party) {
        Some(Party {
            who: Who::Person(place),
            ..
        }) => initiator.place = Some(place),
        Some(telephone) => initiator = telephone,
        None => {}
    }
    Create {
        title: options.title.clone(),
        initiator,
        participants: options.parties.iter().map(|text| party(text)).collect(),
        policy: options.all_at_once.then_some(Policy {
            call_all_at_once: Some(true),
            on_owner_left: None,
        }),
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    }
}

/// Several, parted by commas.
pub fn parties(text: &str) -> Vec<Party> {
    let each = text.split(',').map(str::trim);
    each.filter(|text| !text.is_empty()).map(party).collect()
}

/// One.
pub fn party(text: &str) -> Party {
    let text = text.trim();
    let (who, place) = match text
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
    {
        Some((who, place)) if !who.trim().is_empty() && !is_number(text) => {
            (who.trim(), Some(place.trim().to_owned()))
        }
        _ => (text, None),
    };
    let who = if is_number(who) {
        Who::Number(who.strip_prefix("tel:").unwrap_or(who).to_owned())
    } else if let Some(address) = who.strip_prefix("sip:").filter(|rest| is_plain(rest)) {
        Who::Person(address.to_owned())
    } else if who.starts_with("sip:") || who.starts_with("sips:") {
        Who::Sip(who.to_owned())
    } else {
        Who::Person(who.to_owned())
    };
    Party {
        who,
        name: None,
        place: place.filter(|place| !place.is_empty()),
    }
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= NUMBER_DIGITS_MIN
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+ .()/-".contains(&b))
}

/// `user@domain` and nothing more.
fn is_plain(address: &str) -> bool {
    !address.contains([';', '?', ':'])
}

/// A party as it was named.
pub fn shown(party: &Party) -> &str {
    match &party.who {
        Who::Person(text) | Who::Number(text) | Who::Sip(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, who: Who, place: Option<&str>) {
        let party = party(text);
        assert_eq!((party.who, party.place.as_deref()), (who, place), "{text}");
    }

    #[test]
    fn people_numbers_and_addresses_are_told_apart() {
        check("bob", Who::Person("bob".into()), None);
        check(" bob@x ", Who::Person("bob@x".into()), None);
        check("sip:bob@x", Who::Person("bob@x".into()), None);
        check("sip:bob@x:5070", Who::Sip("sip:bob@x:5070".into()), None);
        check("+1 (555) 010-7", Who::Number("+1 (555) 010-7".into()), None);
        check("tel:+15550107", Who::Number("+15550107".into()), None);
        check("030 1234", Who::Number("030 1234".into()), None);
        check("+1555 (010)", Who::Number("+1555 (010)".into()), None);
        check(
            "Carol Diaz (work)",
            Who::Person("Carol Diaz".into()),
            Some("work"),
        );
        check("7", Who::Person("7".into()), None);
        let names: Vec<_> = parties("bob, ,+15550107")
            .iter()
            .map(|p| shown(p).to_owned())
            .collect();
        assert_eq!(names, ["bob", "+15550107"]);
    }
}
