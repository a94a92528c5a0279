//! Telephones as REST shows and takes them (the telephone profile service, T11).

use convoke_types::{Address, Fault, FaultCode, loggable};
use serde::{Deserialize, Serialize};
use store::{TELEPHONES_MAX, Telephone, TelephoneKind};
use utoipa::ToSchema;

use super::{LABEL_MAX_CHARS, number, text};

/// Longest text about when to use a telephone, in characters.
const WHEN_MAX_CHARS: usize = 256;

/// A telephone as REST shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Telephone)]
pub struct TelephoneView {
    /// What the person calls it: `work`, `mobile` …
    #[schema(min_length = 1, max_length = 64)]
    pub label: String,
    /// The number in international form.
    pub number: String,
    /// What kind of place it is; by the label where it is missing.
    #[serde(default)]
    pub kind: Option<PlaceKind>,
    /// Called unless another is asked for.
    #[serde(default)]
    pub default: bool,
    /// Ask for key 1 before joining.
    #[serde(default)]
    pub guard: Option<bool>,
    /// When to use it, in the person's words.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub when_to_use: String,
}

/// What kind of place a telephone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// At work.
    Work,
    /// At home.
    Home,
    /// Carried along.
    Mobile,
    /// Anything else.
    Other,
}

impl PlaceKind {
    /// The kind that a label says.
    fn of_label(label: &str) -> Self {
        match label.to_lowercase().as_str() {
            "work" => PlaceKind::Work,
            "home" => PlaceKind::Home,
            "mobile" => PlaceKind::Mobile,
            _ => PlaceKind::Other,
        }
    }
}

impl From<TelephoneKind> for PlaceKind {
    fn from(kind: TelephoneKind) -> Self {
        match kind {
            TelephoneKind::Work => PlaceKind::Work,
            TelephoneKind::Home => PlaceKind::Home,
            TelephoneKind::Mobile => PlaceKind::Mobile,
            TelephoneKind::Other => PlaceKind::Other,
        }
    }
}

impl From<PlaceKind> for TelephoneKind {
    fn from(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Work => TelephoneKind::Work,
            PlaceKind::Home => TelephoneKind::Home,
            PlaceKind::Mobile => TelephoneKind::Mobile,
            PlaceKind::Other => TelephoneKind::Other,
        }
    }
}

pub(super) fn view_of(telephone: Telephone) -> TelephoneView {
    TelephoneView {
        label: telephone.label,
        number: telephone.address.to_string(),
        kind: Some(telephone.kind.into()),
        default: telephone.is_default,
        guard: telephone.guard,
        when_to_use: telephone.when_to_use,
    }
}

/// Checks a whole profile. SIP addresses that an administrator has put there stay, new ones are refused.
pub(super) fn telephones_of(
    views: Vec<TelephoneView>,
    known: &[Telephone],
) -> Result<Vec<Telephone>, Fault> {
    let refused =
        |expected: String, came: String| Fault::new(FaultCode::BadRequest, expected, came);
    if views.len() > TELEPHONES_MAX {
        let expected = format!("at most {TELEPHONES_MAX} telephones");
        return Err(refused(expected, views.len().to_string()));
    }
    if views.iter().filter(|view| view.default).count() > 1 {
        return Err(refused("one default".to_owned(), "several".to_owned()));
    }
    let mut rows: Vec<Telephone> = Vec::new();
    for view in views {
        let label = text(&view.label, 1, LABEL_MAX_CHARS, "a label")?;
        if rows
            .iter()
            .any(|row| row.label.eq_ignore_ascii_case(&label))
        {
            return Err(refused(
                "a label for each telephone".to_owned(),
                loggable(&label),
            ));
        }
        let stays = known
            .iter()
            .map(|telephone| &telephone.address)
            .find(|address| matches!(address, Address::Sip(uri) if *uri == view.number));
        let address = match stays {
            Some(address) => address.clone(),
            None => Address::Number(number(&view.number)?),
        };
        rows.push(Telephone {
            kind: view
                .kind
                .unwrap_or_else(|| PlaceKind::of_label(&label))
                .into(),
            label,
            address,
            is_default: view.default,
            guard: view.guard,
            when_to_use: text(&view.when_to_use, 0, WHEN_MAX_CHARS, "when to use it")?,
        });
    }
    Ok(rows)
}
