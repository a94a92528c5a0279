//! What our services have in common as users of an IM server, the gateway and the video allocator: whose word on identities counts,
//! where answers go, and the plain words that people write to them. Pure.

pub mod address;
pub mod words;
