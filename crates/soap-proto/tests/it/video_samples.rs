//! Random documents of the video services.
#![expect(clippy::unwrap_used, reason = "what is parsed here was made to fit")]

use convoke_types::{Mode, ModeSource, NetworkAddress};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use soap_proto::{
    AskedPerson, Callee, Guest, Invite, Invited, KnownMode, KnownPerson, NoWay, Requested,
    VideoAnswer, VideoOperation, VideoRequest, VideoResponse, Way, WhyNoWay,
};

use crate::samples::{aor, fault, headers, id, label, number, text, uri};

fn mode() -> impl Strategy<Value = Mode> {
    select(Mode::ALL.to_vec())
}

fn network_address() -> impl Strategy<Value = NetworkAddress> {
    prop_oneof![
        "h323:[a-z0-9@.#*-]{1,40}",
        "isdn:[+]?[0-9]{3,20}",
        "atm:[0-9A-F]{40}",
        "gateway:[0-9*#]{1,20}",
    ]
    .prop_map(|address| address.parse().unwrap())
}

fn invite() -> impl Strategy<Value = Invite> {
    let who = prop_oneof![
        label().prop_map(Invited::Person),
        number().prop_map(Invited::Number),
        uri().prop_map(Invited::Sip),
        network_address().prop_map(Invited::Network),
    ];
    (who, of(text(64)), of(mode())).prop_map(|(who, name, mode)| Invite { who, name, mode })
}

fn callee() -> impl Strategy<Value = Callee> {
    prop_oneof![
        number().prop_map(Callee::Number),
        uri().prop_map(Callee::Sip)
    ]
}

pub fn request() -> impl Strategy<Value = VideoRequest> {
    let operation = prop_oneof![
        (of(text(64)), vec(invite(), 1..6))
            .prop_map(|(title, invites)| VideoOperation::Request { title, invites }),
        vec(invite(), 1..6).prop_map(VideoOperation::Ways),
        vec(label(), 1..6).prop_map(VideoOperation::Modes),
        vec(callee(), 1..6).prop_map(VideoOperation::Callable),
    ];
    (headers(), operation).prop_map(|(headers, operation)| VideoRequest { headers, operation })
}

fn guest() -> impl Strategy<Value = Guest> {
    let way = (mode(), any::<bool>(), text(512)).prop_map(|(mode, shows, words)| Way {
        mode,
        shows,
        words,
    });
    let why = select(WhyNoWay::ALL.to_vec());
    let none =
        (text(512), of(why), of(mode())).prop_map(|(words, why, mode)| NoWay { words, why, mode });
    let way = prop_oneof![way.prop_map(Ok), none.prop_map(Err)];
    (text(64), of(aor()), way).prop_map(|(name, user, way)| Guest { name, user, way })
}

fn known_mode() -> impl Strategy<Value = KnownMode> {
    let source = select(ModeSource::ALL.to_vec());
    let here = (any::<bool>(), any::<bool>());
    (mode(), of(uri()), of(label()), here, source).prop_map(
        |(mode, address, place, (video, here), source)| KnownMode {
            mode,
            address,
            place,
            video,
            here,
            source,
        },
    )
}

fn asked() -> impl Strategy<Value = AskedPerson> {
    let modes = vec(known_mode(), 0..=soap_proto::MODES_MAX);
    let known =
        (aor(), text(64), "[a-zA-Z-]{1,35}", modes).prop_map(|(user, name, language, modes)| {
            KnownPerson {
                user,
                name,
                language,
                modes,
            }
        });
    (label(), of(known)).prop_map(|(asked, known)| AskedPerson { asked, known })
}

pub fn response() -> impl Strategy<Value = VideoResponse> {
    let requested = (id(), uri(), id(), of(uri()), vec(guest(), 1..6)).prop_map(
        |(conference, uri, server, link, guests)| {
            Ok(VideoAnswer::Requested(Requested {
                conference,
                uri,
                server,
                link,
                guests,
            }))
        },
    );
    let outcome = prop_oneof![
        2 => requested,
        1 => vec(guest(), 1..6).prop_map(|guests| Ok(VideoAnswer::Ways(guests))),
        2 => vec(asked(), 1..5).prop_map(|people| Ok(VideoAnswer::Modes(people))),
        1 => vec(any::<bool>(), 1..6).prop_map(|all| Ok(VideoAnswer::Callable(all))),
        1 => fault().prop_map(Err),
    ];
    (headers(), outcome).prop_map(|(headers, outcome)| VideoResponse { headers, outcome })
}
