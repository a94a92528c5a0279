//! The edge between a media bridge and a Janus that do as they are told, and as they are not.

use super::*;

const INNER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn leg(name: &str) -> LegKey {
    LegKey {
        conference: "c".parse().unwrap(),
        leg: name.parse().unwrap(),
    }
}

fn half(number: u64, name: &str) -> LegKey {
    LegKey {
        conference: format!("edge-{number}").parse().unwrap(),
        leg: name.parse().unwrap(),
    }
}

fn at(port: u16) -> SocketAddr {
    ([192, 0, 2, 7], port).into()
}

struct Scene(Edge);

impl Scene {
    fn new() -> Self {
        Self(Edge::new(INNER))
    }

    /// What the edge wants now.
    fn wants(&mut self) -> Vec<EdgeOutput> {
        std::iter::from_fn(|| self.0.poll_output()).collect()
    }

    fn command(&mut self, command: MediaCommand) -> Vec<EdgeOutput> {
        self.0.command(command);
        self.wants()
    }

    fn engine(&mut self, event: MediaEvent) -> Vec<EdgeOutput> {
        self.0.engine_event(event);
        self.wants()
    }

    fn janus(&mut self, event: SoundEvent) -> Vec<EdgeOutput> {
        self.0.sound_event(event);
        self.wants()
    }

    fn opened(&mut self, number: u64, name: &str, port: u16) -> Vec<EdgeOutput> {
        self.engine(MediaEvent::Opened {
            leg: half(number, name),
            local: at(port),
        })
    }

    fn closed(&mut self, number: u64, name: &str, received: u64) -> Vec<EdgeOutput> {
        let stats = StreamStats {
            received,
            ..StreamStats::default()
        };
        let leg = half(number, name);
        self.engine(MediaEvent::Closed { leg, stats })
    }

    /// A leg that is open, the first of all.
    fn open(&mut self) {
        self.command(MediaCommand::Open { leg: leg("l1") });
        self.opened(1, "outer", 20_000);
        self.opened(1, "inner", 20_002);
        let told = self.janus(SoundEvent::Joined {
            leg: leg("l1"),
            at: at(27_000),
        });
        assert!(told.contains(&tell(MediaEvent::Opened {
            leg: leg("l1"),
            local: at(20_000),
        })));
    }
}

fn engine(command: MediaCommand) -> EdgeOutput {
    EdgeOutput::Engine(command)
}

fn tell(event: MediaEvent) -> EdgeOutput {
    EdgeOutput::Tell(event)
}

fn leave() -> EdgeOutput {
    EdgeOutput::Janus(SoundCommand::Leave { leg: leg("l1") })
}

fn closes() -> [EdgeOutput; 3] {
    let close = |name| engine(MediaCommand::Close { leg: half(1, name) });
    [leave(), close("outer"), close("inner")]
}

#[test]
fn a_leg_is_two_halves_and_told_once_both_and_janus_are_there() {
    let mut scene = Scene::new();
    let open = |name| engine(MediaCommand::Open { leg: half(1, name) });
    let wants = scene.command(MediaCommand::Open { leg: leg("l1") });
    assert_eq!(wants, [open("outer"), open("inner")]);
    // Once more is the same one.
    assert_eq!(scene.command(MediaCommand::Open { leg: leg("l1") }), []);
    assert_eq!(scene.opened(1, "outer", 20_000), []);
    // It is told at which address of ours, and never the one for others.
    let to = SocketAddr::new(INNER, 20_002);
    let join = SoundCommand::Join { leg: leg("l1"), to };
    assert_eq!(scene.opened(1, "inner", 20_002), [EdgeOutput::Janus(join)]);
    let joined = SoundEvent::Joined {
        leg: leg("l1"),
        at: at(27_000),
    };
    let connect = MediaCommand::Connect {
        leg: half(1, "inner"),
        params: beside(at(27_000)),
    };
    let opened = MediaEvent::Opened {
        leg: leg("l1"),
        local: at(20_000),
    };
    assert_eq!(scene.janus(joined), [engine(connect), tell(opened)]);

    let join = |name| engine(MediaCommand::Join { leg: half(1, name) });
    let wants = scene.command(MediaCommand::Join { leg: leg("l1") });
    assert_eq!(wants, [join("inner"), join("outer")]);
    let joined = |name| MediaEvent::Joined { leg: half(1, name) };
    assert_eq!(scene.engine(joined("outer")), []);
    let told = tell(MediaEvent::Joined { leg: leg("l1") });
    assert_eq!(scene.engine(joined("inner")), [told]);
    assert_eq!(scene.engine(joined("inner")), [], "and that once");

    // Who talks is the telephone, never Janus.
    let talking = |leg| MediaEvent::Talking { leg, on: true };
    assert_eq!(scene.engine(talking(half(1, "inner"))), []);
    assert_eq!(
        scene.engine(talking(half(1, "outer"))),
        [tell(talking(leg("l1")))]
    );
    let on = true;
    let mute = |leg| MediaCommand::Mute { leg, on };
    let to_janus = SoundCommand::Mute { leg: leg("l1"), on };
    assert_eq!(
        scene.command(mute(leg("l1"))),
        [engine(mute(half(1, "outer"))), EdgeOutput::Janus(to_janus)]
    );

    assert_eq!(
        scene.command(MediaCommand::Close { leg: leg("l1") }),
        closes()
    );
    assert_eq!(scene.command(MediaCommand::Close { leg: leg("l1") }), []);
    assert_eq!(scene.closed(1, "outer", 7), []);
    let stats = StreamStats {
        received: 7,
        ..StreamStats::default()
    };
    let closed = MediaEvent::Closed {
        leg: leg("l1"),
        stats,
    };
    assert_eq!(
        scene.closed(1, "inner", 9),
        [tell(closed), EdgeOutput::Over(leg("l1"))]
    );
    assert!(!scene.0.has(&leg("l1")));
    // The name is free, and another two are made of it.
    let wants = scene.command(MediaCommand::Open { leg: leg("l1") });
    assert!(wants.contains(&engine(MediaCommand::Open {
        leg: half(2, "outer")
    })));
}

#[test]
fn what_fails_is_told_once_and_leaves_nothing() {
    let words = || "no port".to_owned();
    let failed = || {
        tell(MediaEvent::Failed {
            leg: leg("l1"),
            words: words(),
        })
    };
    // Our own halves, either of them first.
    for (first, second) in [("outer", "inner"), ("inner", "outer")] {
        let mut scene = Scene::new();
        scene.command(MediaCommand::Open { leg: leg("l1") });
        let fails = |name| MediaEvent::Failed {
            leg: half(1, name),
            words: words(),
        };
        let wants = scene.engine(fails(first));
        assert_eq!(wants[0], failed());
        assert!(wants.contains(&leave()));
        let over = scene.engine(fails(second));
        assert_eq!(over, [EdgeOutput::Over(leg("l1"))]);
    }
    // One of them, and the other is closed.
    let mut scene = Scene::new();
    scene.command(MediaCommand::Open { leg: leg("l1") });
    scene.opened(1, "outer", 20_000);
    scene.engine(MediaEvent::Failed {
        leg: half(1, "inner"),
        words: words(),
    });
    assert_eq!(scene.closed(1, "outer", 0), [EdgeOutput::Over(leg("l1"))]);

    // Janus does not let it in, or puts it out.
    for is_open in [false, true] {
        let mut scene = Scene::new();
        scene.command(MediaCommand::Open { leg: leg("l1") });
        if is_open {
            scene = Scene::new();
            scene.open();
        }
        let refused = SoundEvent::Failed {
            leg: leg("l1"),
            words: words(),
        };
        let mut wants = vec![failed()];
        wants.extend(closes());
        assert_eq!(scene.janus(refused.clone()), wants);
        assert_eq!(scene.janus(refused), []);
        assert_eq!(scene.opened(1, "inner", 20_002), []);
        assert_eq!(scene.closed(1, "inner", 0), []);
        assert_eq!(scene.closed(1, "outer", 0), [EdgeOutput::Over(leg("l1"))]);
    }
}

#[test]
fn a_janus_from_which_nothing_comes_is_told_and_one_that_is_gone_ends_all() {
    let mut scene = Scene::new();
    scene.open();
    let silent = MediaEvent::Silent {
        leg: half(1, "inner"),
        on: true,
    };
    assert_eq!(scene.engine(silent.clone()), [], "it is in no mix yet");
    for name in ["outer", "inner"] {
        scene.engine(MediaEvent::Joined { leg: half(1, name) });
    }
    let words = "nothing is heard from Janus for 5 s".into();
    let told = tell(MediaEvent::Failed {
        leg: leg("l1"),
        words,
    });
    assert_eq!(scene.engine(silent)[0], told);

    let mut scene = Scene::new();
    scene.open();
    let words = "the connection broke".into();
    assert_eq!(scene.janus(SoundEvent::Gone { words }), closes());
    scene.closed(1, "outer", 7);
    let over = EdgeOutput::Over(leg("l1"));
    assert_eq!(scene.closed(1, "inner", 7), [over]);
}

#[test]
fn a_browser_is_answered_once_and_again_when_it_offers_anew() {
    let mut scene = Scene::new();
    let offer = || "v=0".to_owned();
    let opens = scene.command(MediaCommand::OpenWeb {
        leg: leg("l1"),
        offer: offer(),
    });
    let outer = MediaCommand::OpenWeb {
        leg: half(1, "outer"),
        offer: offer(),
    };
    assert_eq!(opens[0], engine(outer));
    let answered = |leg| MediaEvent::OpenedWeb {
        leg,
        answer: "v=0".into(),
    };
    scene.opened(1, "inner", 20_002);
    assert_eq!(scene.engine(answered(half(1, "outer"))), []);
    let wants = scene.janus(SoundEvent::Joined {
        leg: leg("l1"),
        at: at(27_000),
    });
    assert_eq!(wants[1], tell(answered(leg("l1"))));
    scene.command(MediaCommand::Reoffer {
        leg: leg("l1"),
        offer: offer(),
    });
    let again = scene.engine(answered(half(1, "outer")));
    assert_eq!(again, [tell(answered(leg("l1")))]);
    // An offer that is not taken leaves the leg as it is.
    let words = || "expected audio".to_owned();
    let told = scene.engine(MediaEvent::Failed {
        leg: half(1, "outer"),
        words: words(),
    });
    let failed = MediaEvent::Failed {
        leg: leg("l1"),
        words: words(),
    };
    assert_eq!(told, [tell(failed)]);
    assert!(scene.0.has(&leg("l1")));
}

#[test]
fn a_leg_whose_former_is_not_over_yet_is_opened_anew_and_hears_nothing_of_that() {
    let mut scene = Scene::new();
    scene.open();
    assert_eq!(
        scene.command(MediaCommand::Close { leg: leg("l1") }),
        closes()
    );
    let open = |name| engine(MediaCommand::Open { leg: half(2, name) });
    let wants = scene.command(MediaCommand::Open { leg: leg("l1") });
    assert_eq!(wants, [open("outer"), open("inner")]);
    assert!(!scene.0.is_closing(&leg("l1")));
    assert_eq!(scene.opened(2, "outer", 20_004), []);
    // What the former amounted to is told to nobody.
    assert_eq!(scene.closed(1, "outer", 100), []);
    let to = SocketAddr::new(INNER, 20_006);
    let join = SoundCommand::Join { leg: leg("l1"), to };
    assert_eq!(scene.opened(2, "inner", 20_006), [EdgeOutput::Janus(join)]);
    assert_eq!(scene.closed(1, "inner", 100), []);
    let told = scene.janus(SoundEvent::Joined {
        leg: leg("l1"),
        at: at(27_002),
    });
    assert!(told.contains(&tell(MediaEvent::Opened {
        leg: leg("l1"),
        local: at(20_004),
    })));
    assert!(scene.0.has(&leg("l1")));
}
