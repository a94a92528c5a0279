//! Checks of the tree itself: layers, purity of the cores, the list of requirements, and what is said where something is missing.

mod bare;
mod layers;
mod requirements;
