//! Checks of the tree itself: layers, purity of the cores, and the list of requirements.

mod layers;
mod requirements;
