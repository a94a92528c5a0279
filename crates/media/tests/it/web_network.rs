//! What networks and strangers do to a browser's leg.
