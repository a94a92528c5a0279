//! What the gateway is told at its start, from the configuration and from what runs beside it.

use runtime::seed;
use runtime::sip::SipTransports;

use super::Surroundings;
use super::core::CoreConfig;
use crate::config::Config;
use crate::im_account::ImAccount;
use crate::start::StartError;

pub(super) fn core_config(
    config: &Config,
    account: &ImAccount<'_>,
    around: &Surroundings,
    transports: &SipTransports,
) -> Result<CoreConfig, StartError> {
    // Printed in ids, so it is no part of the secret randomness.
    let instance = seed::seed()?
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let ua = account.ua(&around.im_server, transports, around.password.clone())?;
    Ok(CoreConfig {
        gateway: gateway_core::Config {
            identity: account.identity()?,
            keep_log: config.gateway.foreign,
            instance,
        },
        trust: account.trust(&around.im_server, &ua),
        ua,
        seed: seed::seed()?,
    })
}
