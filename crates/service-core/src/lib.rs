//! What our services have in common as users of an IM server, the gateway, the video allocator and the conferences: whose word on identities
//! counts, where answers go, the plain words that people write to them, why they are refused, and the presence of conferences. Pure.

pub mod address;
pub mod faults;
pub mod presence;
pub mod words;
