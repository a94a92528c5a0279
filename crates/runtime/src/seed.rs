//! Randomness from the operating system, handed to the pure cores as a seed.

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

/// 256 random bits.
pub fn seed() -> Result<[u8; 32], NoRandomness> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(NoRandomness)?;
    Ok(seed)
}

/// 256 random bits as 64 lower-case hexadecimal digits: a secret that survives being copied.
pub fn secret_hex() -> Result<String, NoRandomness> {
    Ok(seed()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed().unwrap(), seed().unwrap());
        assert_eq!(secret_hex().unwrap().len(), 64);
    }
}
