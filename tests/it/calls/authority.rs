//! Who may do what, as a program finds it over REST: every command by every role, in a conference whose telephones are sipp's.

use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::zeep::Followed;
use convoke_tests::rest::{Administrator, request};
use serde_json::{Value, json};

use super::stage::{Stage, behind, create};

/// The roles in the order of the rows: owner, moderator, participant, outsider, administrator.
const ROLES: [&str; 5] = ["alice", "bob", "carol", "dave", "administrator"];
/// Whom the commands concern.
const TARGET: &str = "erin";
const PEOPLE: [(&str, &str); 5] = [
    ("alice", "+15550101"),
    ("bob", "+15550201"),
    ("carol", "+15550301"),
    ("dave", "+15550401"),
    (TARGET, "+15550501"),
];
/// More than there are.
const CALLS_MAX: u32 = 100;

struct Table {
    stage: Stage,
    tokens: [String; 5],
    conference: String,
    _sipp: Sipp,
}

impl Table {
    /// All but the outsider are in the conference of the owner.
    fn start() -> (Self, Followed) {
        let sipp = Sipp::start(Trunk {
            calls: CALLS_MAX,
            ..Trunk::default()
        })
        .unwrap();
        let config = behind(&sipp).set("conference", "guard_outside", false);
        let mut stage = Stage::start(config, &PEOPLE);
        let key = std::fs::read_to_string(stage.convoke.data().join("administrator.key")).unwrap();
        let token = |who: &str| match who {
            "administrator" => key.trim().to_owned(),
            who => stage.administrator.token(who).unwrap(),
        };
        let tokens = ROLES.map(token);
        let others = ["bob", "carol", TARGET];
        let mut followed = stage.zeep.create(create("alice", &others)).unwrap();
        for name in ["alice"].iter().chain(&others) {
            followed.until_leg(&mut stage.zeep, name, "joined").unwrap();
        }
        let table = Self {
            stage,
            tokens,
            conference: followed.id.clone(),
            _sipp: sipp,
        };
        let bob = followed.participant("bob").unwrap();
        assert_eq!(
            table.ask(
                0,
                "POST",
                &format!("participants/{bob}/make-moderator"),
                &json!({})
            ),
            'y'
        );
        (table, followed)
    }

    /// What a role is answered to a command to the conference: `y` done, `n` not allowed, `?` no such conference.
    #[track_caller]
    fn ask(&self, role: usize, method: &str, what: &str, body: &Value) -> char {
        let path = format!("/api/v1/conferences/{}/{what}", self.conference);
        self.answer(role, method, path.trim_end_matches('/'), body)
    }

    #[track_caller]
    fn answer(&self, role: usize, method: &str, path: &str, body: &Value) -> char {
        let authorization = format!("Authorization: Bearer {}", self.tokens[role]);
        let headers = [&*authorization, "Content-Type: application/json"];
        let body = match (method, body) {
            ("GET" | "DELETE", _) => String::new(),
            (_, body) => body.to_string(),
        };
        let http = self.stage.convoke.addr("http").unwrap();
        let response = request(http, method, path, &headers, body.as_bytes()).unwrap();
        if (200..300).contains(&response.status) {
            return 'y';
        }
        let code = response.json().unwrap()["error"]["code"].take();
        match (response.status, code.as_str()) {
            (403, Some("not-allowed")) => 'n',
            (404, Some("unknown-conference")) => '?',
            _ => panic!("{} {method} {path}: {response:?}", ROLES[role]),
        }
    }

    /// One command by every role in turn.
    #[track_caller]
    fn row(&self, method: &str, what: &str, expected: &str) {
        let came: String = (0..ROLES.len())
            .map(|role| self.ask(role, method, what, &json!({})))
            .collect();
        assert_eq!(came, expected, "{method} {what}");
    }

    /// Another conference of the owner's, with nobody else.
    fn another(&mut self) -> Followed {
        let zeep = &mut self.stage.zeep;
        let mut followed = zeep.create(create("alice", &[])).unwrap();
        followed.until_leg(zeep, "alice", "joined").unwrap();
        self.conference.clone_from(&followed.id);
        followed
    }
}

#[test]
fn every_role_is_allowed_over_rest_what_the_table_says() {
    let (mut table, mut followed) = Table::start();
    let of = |name: &str, verb: &str| {
        format!(
            "participants/{}/{verb}",
            followed.participant(name).unwrap()
        )
    };
    let erin = |verb: &str| of(TARGET, verb);
    table.row("GET", "", "yyy?y");
    for (verb, expected) in [
        ("mute", "yyn?y"),
        ("unmute", "yyn?y"),
        ("hide", "yyn?y"),
        ("unhide", "yyn?y"),
        ("raise-hand", "nnn?n"),
        ("lower-hand", "yyn?y"),
        ("give-floor", "yyn?y"),
        ("decline", "nnn?n"),
    ] {
        table.row("POST", &erin(verb), expected);
    }
    for verb in ["mute-all", "unmute-all", "lock"] {
        table.row("POST", verb, "yyn?y");
    }
    // While it is locked participants add nobody and call nobody again; then they do, but make nobody a moderator by it.
    let busy = |role: usize| json!({ "participants": [{ "number": format!("+1555{role}602") }] });
    assert_eq!(table.ask(2, "POST", "participants", &busy(9)), 'n');
    table.row("POST", "unlock", "yyn?y");
    let added: String = (0..ROLES.len())
        .map(|role| table.ask(role, "POST", "participants", &busy(role)))
        .collect();
    assert_eq!(added, "yyy?y", "add");
    // What concerns oneself.
    for verb in ["mute", "unmute", "raise-hand", "lower-hand"] {
        assert_eq!(
            table.ask(2, "POST", &of("carol", verb), &json!({})),
            'y',
            "{verb} themselves"
        );
    }
    for verb in ["give-floor", "make-moderator", "hand-over"] {
        assert_eq!(
            table.ask(2, "POST", &of("carol", verb), &json!({})),
            'n',
            "{verb} themselves"
        );
    }

    disconnect_and_call(&mut table, &mut followed);
    remove(&mut table);

    // Nobody starts one in somebody else's name.
    let theirs = json!({ "initiator": { "person": TARGET, "place": "work" } });
    let made = |table: &Table, role| table.answer(role, "POST", "/api/v1/conferences", &theirs);
    let started: String = (0..4).map(|role| made(&table, role)).collect();
    assert_eq!(started, "nnnn", "create");

    let erin = |verb: &str| {
        format!(
            "participants/{}/{verb}",
            followed.participant(TARGET).unwrap()
        )
    };
    let alice = format!(
        "participants/{}/hand-over",
        followed.participant("alice").unwrap()
    );
    for (role, expected) in [(1, 'n'), (2, 'n'), (3, '?'), (0, 'y')] {
        assert_eq!(
            table.ask(role, "POST", &erin("hand-over"), &json!({})),
            expected,
            "hand over by {}",
            ROLES[role]
        );
    }
    assert_eq!(
        table.ask(4, "POST", &alice, &json!({})),
        'y',
        "hand over by the administrator"
    );
    table.row("POST", &erin("make-moderator"), "yyn?y");

    end(table, followed);
}

/// Each role hangs up on erin, and calls her again.
fn disconnect_and_call(table: &mut Table, followed: &mut Followed) {
    let path = |verb: &str| {
        format!(
            "participants/{}/{verb}",
            followed.participant(TARGET).unwrap()
        )
    };
    let (hang_up, call) = (path("disconnect"), path("call"));
    let (mut hung_up, mut called) = (String::new(), String::new());
    let mut place = followed.place(TARGET, "joined").unwrap();
    for role in 0..ROLES.len() {
        for (path, state, came) in [
            (&hang_up, "left", &mut hung_up),
            (&call, "joined", &mut called),
        ] {
            let answer = table.ask(role, "POST", path, &json!({}));
            came.push(answer);
            if answer != 'y' {
                assert_eq!(table.ask(0, "POST", path, &json!({})), 'y');
            }
            let is_so = |report: &Value| {
                report["participant"]["name"] == TARGET && report["leg"]["state"] == state
            };
            place = followed
                .until_from(&mut table.stage.zeep, place, state, is_so)
                .unwrap();
        }
    }
    assert_eq!((hung_up.as_str(), called.as_str()), ("yyn?y", "yyy?y"));
}

/// Each role takes one of those off the list who were added.
fn remove(table: &mut Table) {
    let path = format!("/api/v1/conferences/{}", table.conference);
    let administrator = Administrator::of(&table.stage.convoke).unwrap();
    let now = administrator.call("GET", &path, &Value::Null).unwrap();
    let roster = now["conference"]["participants"].as_array().unwrap();
    let added: Vec<&str> = roster[4..]
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(added.len(), 4, "{roster:#?}");
    let remove = |role: usize, whom: usize| {
        table.ask(
            role,
            "DELETE",
            &format!("participants/{}", added[whom]),
            &json!({}),
        )
    };
    let removed: String = [(0, 0), (1, 1), (2, 2), (3, 2), (4, 2)]
        .map(|(role, whom)| remove(role, whom))
        .iter()
        .collect();
    assert_eq!(removed, "yyn?y", "remove");
}

/// Each role ends one; hanging up on all does so where nobody is left.
fn end(mut table: Table, mut followed: Followed) {
    for (role, expected) in [(2, 'n'), (3, '?'), (0, 'y'), (1, 'y')] {
        let came = table.ask(role, "POST", "disconnect-all", &json!({}));
        assert_eq!(came, expected, "disconnect all by {}", ROLES[role]);
    }
    for (role, expected) in [(2, 'n'), (3, '?'), (1, 'y')] {
        assert_eq!(
            table.ask(role, "POST", "end", &json!({})),
            expected,
            "end by {}",
            ROLES[role]
        );
    }
    assert_eq!(
        followed.until_ended(&mut table.stage.zeep).unwrap(),
        "by-command"
    );
    for (role, verb, reason) in [
        (0, "end", "by-command"),
        (4, "end", "by-command"),
        (4, "disconnect-all", "owner-left"),
    ] {
        let mut another = table.another();
        assert_eq!(
            table.ask(role, "POST", verb, &json!({})),
            'y',
            "{verb} by {}",
            ROLES[role]
        );
        assert_eq!(
            another.until_ended(&mut table.stage.zeep).unwrap(),
            reason,
            "{verb} by {}",
            ROLES[role]
        );
    }
}
