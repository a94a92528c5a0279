//! The configuration in the words of the focus and of the conference service.

use std::time::Duration;

use api::{DialPlan, Directory};
use conference_core::{Config as FocusConfig, OnOwnerLeft, Policy, Route, TrunkConfig};
use store::Store;

use super::Told;
use crate::config::{ConferenceSettings, Config, DialPlanSettings, TrunkSettings};
use crate::im_account::ImAccount;

/// What the conference service is made of.
pub(super) fn service(config: &Config, store: &Store, told: Told) -> api::Config {
    api::Config {
        focus: focus(config),
        directory: directory(config, store),
        reporting: told.reporting,
        webhooks: Some(told.webhooks),
        allocator: allocator(config),
        drain: Duration::from_secs(config.server.drain_s),
    }
}

/// Names to accounts and numbers.
pub(crate) fn directory(config: &Config, store: &Store) -> Directory {
    Directory {
        store: store.clone(),
        dialplan: dial_plan(&config.dialplan),
        domain: config.server.domain.clone(),
        guard_outside: config.conference.guard_outside,
        language: config.conference.language.clone(),
        sip_domains: config
            .trunk
            .iter()
            .flat_map(|trunk| trunk.sip_domains.clone())
            .collect(),
    }
}

/// The video allocator's account, wherever it runs.
fn allocator(config: &Config) -> Option<convoke_types::Aor> {
    ImAccount::allocator(config)?.identity().ok()
}

fn focus(config: &Config) -> FocusConfig {
    let trunk = |trunk: &TrunkSettings| TrunkConfig {
        name: trunk.name.clone(),
        calls_per_second: trunk.calls_per_second,
        lines: u32::try_from(trunk.lines).unwrap_or(u32::MAX),
        domains: trunk.sip_domains.clone(),
    };
    FocusConfig {
        trunks: config.trunk.iter().map(trunk).collect(),
        routes: routes(&config.trunk),
        policy: policy(&config.conference),
        conferences_max: config.conference.conferences_max,
        participants_max: config.conference.participants_max,
    }
}

/// One route for each prefix that a trunk names, over the trunks that name it and then those for all numbers.
fn routes(trunks: &[TrunkSettings]) -> Vec<Route> {
    let mut prefixes: Vec<&str> = trunks
        .iter()
        .flat_map(|trunk| trunk.prefixes.iter().map(String::as_str))
        .collect();
    prefixes.push("");
    prefixes.sort_unstable();
    prefixes.dedup();
    let route = |prefix: &str| {
        let names = |trunk: &&TrunkSettings| trunk.prefixes.iter().any(|p| p == prefix);
        let for_all =
            |trunk: &&TrunkSettings| trunk.prefixes.is_empty() && trunk.sip_domains.is_empty();
        let named = trunks.iter().filter(names);
        let others = trunks.iter().filter(for_all);
        Route {
            prefix: prefix.to_owned(),
            trunks: named
                .chain(others)
                .map(|trunk| trunk.name.clone())
                .collect(),
        }
    };
    prefixes.into_iter().map(route).collect()
}

fn policy(settings: &ConferenceSettings) -> Policy {
    Policy {
        call_all_at_once: !settings.initiator_first,
        on_owner_left: if settings.ends_with_owner {
            OnOwnerLeft::End
        } else {
            OnOwnerLeft::HandOver
        },
        participants_may_add: settings.participants_may_add,
        idle_end: Duration::from_secs(settings.idle_end_min.saturating_mul(60)),
        linger: Duration::from_secs(settings.linger_s),
        ring_timeout: Duration::from_secs(settings.ring_timeout_s),
    }
}

pub(crate) fn dial_plan(settings: &DialPlanSettings) -> DialPlan {
    DialPlan {
        home_country_code: settings.home_country.clone(),
        national_prefix: settings.national_prefix.clone(),
        international_prefix: settings.international_prefix.clone(),
        allowed: settings.abroad.clone(),
        refused: settings.refused.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(name: &str, prefixes: &[&str]) -> TrunkSettings {
        TrunkSettings {
            name: name.into(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
            ..TrunkSettings::default()
        }
    }

    #[test]
    fn routes_prefer_who_names_the_prefix_and_fall_back_to_who_takes_all() {
        let trunks = [
            trunk("world", &[]),
            trunk("home", &["+49", "+43"]),
            trunk("spare", &["+49"]),
        ];
        let shown: Vec<String> = routes(&trunks)
            .iter()
            .map(|route| format!("{}: {}", route.prefix, route.trunks.join(" ")))
            .collect();
        assert_eq!(
            shown,
            [": world", "+43: home world", "+49: home spare world"]
        );
    }
}
