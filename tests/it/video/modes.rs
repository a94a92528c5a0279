//! The database of communication modes (V7) fills from what a device of another make registers that it can: a sipp is somebody's telephone.

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::sipp_register::Registrant;
use convoke_tests::rest::{Administrator, request};
use convoke_types::{Mode, ModeSource};
use serde_json::Value;
use soap_proto::{
    KnownMode, VideoAnswer, VideoOperation, VideoRequest, parse_video_response, write_video_request,
};
use testkit::peer::{Identity, SipPeer};

use super::allocator::{DOMAIN, answer_of, send};

/// What a telephone with a camera registers that it can (RFC 3840).
const CAN: &str = ";audio;video;methods=\"INVITE,ACK,BYE,CANCEL,OPTIONS,MESSAGE\"";
/// The database learns of a registration a moment after it was answered.
const LOOKS_MAX: usize = 10_000;

/// The IM server, and what asks it in the allocator's place: by the allocator's account.
struct Stage {
    im: Convoke,
    administrator: Administrator,
    allocator: SipPeer,
    asked: u32,
}

impl Stage {
    fn start() -> Self {
        // sipp knows no other.
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("im", "digest", vec!["md5"]);
        let im = Convoke::start(config).unwrap();
        let registered = im.program().wait_line("the modes service", |line| {
            line.text.contains("modes service registered")
        });
        registered.unwrap();
        let password = std::fs::read_to_string(im.data().join("allocator.password")).unwrap();
        let identity = Identity::new("video", DOMAIN, password.trim());
        let mut allocator = SipPeer::tcp(identity, im.addr("sip_tcp").unwrap(), 1).unwrap();
        assert_eq!(allocator.register("").unwrap().status(), Some(200));
        Self {
            administrator: Administrator::of(&im).unwrap(),
            im,
            allocator,
            asked: 0,
        }
    }

    /// What the allocator is told of somebody.
    fn told(&mut self, user: &str) -> Vec<KnownMode> {
        self.asked += 1;
        let id = format!("modes-{}", self.asked).parse().unwrap();
        let mut question = VideoRequest::new(VideoOperation::Modes(vec![user.to_owned()]), id);
        question.headers.reply_to = self.allocator.gruu().map(str::to_owned);
        let taken = send(
            &mut self.allocator,
            "modes",
            &write_video_request(&question).unwrap(),
        );
        assert!(matches!(taken, Some(200 | 202)), "{taken:?}");
        let answer = answer_of(&mut self.allocator, parse_video_response);
        assert_eq!(answer.headers.relates_to, question.headers.message_id);
        match answer.outcome.unwrap() {
            VideoAnswer::Modes(mut people) => people.remove(0).known.unwrap().modes,
            other => panic!("{other:?} to a question for modes"),
        }
    }

    /// What somebody sees of themselves.
    fn seen(&self, token: &str) -> Value {
        let bearer = format!("Authorization: Bearer {token}");
        let server = self.im.addr("http").unwrap();
        let answer = request(server, "GET", "/api/v1/me/modes", &[&bearer], b"").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().unwrap()
    }
}

#[test]
fn what_a_telephone_of_another_make_registers_is_a_way_to_take_part_and_stays_known() {
    let mut stage = Stage::start();
    stage.administrator.person("dave", "Dave", &[]).unwrap();
    let token = stage.administrator.signs_in(&stage.im, "dave").unwrap();
    assert_eq!(stage.seen(&token), Value::Array(vec![]));
    assert_eq!(stage.told("dave"), []);

    let password = stage.administrator.device("dave").unwrap();
    let server = stage.im.addr("sip_udp").unwrap();
    let telephone = Registrant::new(server, DOMAIN, ("dave", &password), CAN).unwrap();
    telephone.register().unwrap();
    let registered = KnownMode {
        mode: Mode::Computer,
        address: None,
        place: None,
        video: true,
        here: true,
        source: ModeSource::Registration,
    };
    assert_eq!(stage.told("dave"), std::slice::from_ref(&registered));
    let mut looks = (0..LOOKS_MAX).map(|_| stage.seen(&token));
    let kept = looks.find(|seen| *seen != Value::Array(vec![]));
    let kept = kept.expect("it is kept");
    let [one] = kept.as_array().unwrap().as_slice() else {
        panic!("not one: {kept}");
    };
    assert_eq!(
        (&one["mode"], &one["source"], &one["video"]),
        (&"computer".into(), &"registration".into(), &true.into())
    );
    assert!(one["lastSeen"].as_i64().unwrap() > 0, "{kept}");

    // It leaves: that dave can take part so stays known, and that it cannot be had now.
    telephone.leave().unwrap();
    let away = KnownMode {
        video: false,
        here: false,
        ..registered.clone()
    };
    assert_eq!(stage.told("dave"), [away]);
    assert_eq!(stage.seen(&token), kept);

    // Another one of his has no camera: the newest word counts.
    let blind = CAN.replace(";video", "");
    let blind = Registrant::new(server, DOMAIN, ("dave", &password), &blind).unwrap();
    blind.register().unwrap();
    let without = KnownMode {
        video: false,
        ..registered
    };
    assert_eq!(stage.told("dave"), [without]);
    let mut looks = (0..LOOKS_MAX).map(|_| stage.seen(&token));
    let kept = looks.find(|seen| seen[0]["video"] == false);
    assert_eq!(kept.expect("it is kept")[0]["source"], "registration");
}
