//! The stage: a store with three people, the service, and the bridge's end of its port.

use api::{BridgePort, Caller, ConferenceService, Config, DialPlan, Directory, Given};
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::{Aor, ConferenceId, LegKey};
use runtime::tasks::{Shutdown, Tasks};
use soap_proto::{Answer, Create, Operation, Party, Request, Response, Snapshot, Who};
use store::{Account, AccountKind, Store, Telephone, TelephoneKind};
use tokio::sync::mpsc;

pub struct Stage {
    pub service: ConferenceService,
    pub dialled: mpsc::Receiver<BridgeCommand>,
    pub events: mpsc::Sender<BridgeEvent>,
    pub tasks: Tasks,
}

pub fn aor(user: &str) -> Aor {
    Aor::new(user, "example.org").unwrap()
}

pub async fn people(store: &Store) {
    for (user, number) in [
        ("alice", "+15550101"),
        ("bob", "+15550102"),
        ("carol", "+15550103"),
    ] {
        let account = Account {
            aor: aor(user),
            display_name: format!("{} Test", user.to_uppercase()),
            kind: AccountKind::Person,
            language: Some("en".into()),
            ports: 10,
            created_at: 1,
        };
        store.save_account(account).await.unwrap();
        let telephone = Telephone {
            label: "work".into(),
            address: convoke_types::Address::Number(number.parse().unwrap()),
            kind: TelephoneKind::Work,
            is_default: true,
            guard: None,
            when_to_use: String::new(),
        };
        store
            .save_telephones(&aor(user), vec![telephone])
            .await
            .unwrap();
    }
}

/// Numbers of the country with the code 1, and one domain that a trunk leads to.
pub fn directory(store: &Store) -> Directory {
    Directory {
        store: store.clone(),
        dialplan: DialPlan {
            home_country_code: Some("1".into()),
            ..DialPlan::default()
        },
        domain: "example.org".into(),
        guard_outside: true,
        language: "en".into(),
        sip_domains: vec!["gw.example".into()],
    }
}

impl Stage {
    pub fn start(store: &Store) -> Self {
        Self::start_with(store, None, None)
    }

    pub fn start_with(
        store: &Store,
        webhooks: Option<api::Webhooks>,
        reporting: Option<api::ReportingService>,
    ) -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let mut trunk = conference_core::TrunkConfig::new("trunk");
        trunk.calls_per_second = 1_000.0;
        let config = Config {
            focus: conference_core::Config::new(vec![trunk]),
            directory: directory(store),
            reporting,
            webhooks,
            allocator: Some(aor("video")),
            drain: std::time::Duration::from_secs(10),
        };
        let (commands, dialled) = mpsc::channel(100);
        let (events, happened) = mpsc::channel(100);
        let service = ConferenceService::start(
            &tasks,
            config,
            BridgePort {
                commands,
                events: happened,
            },
        );
        Self {
            service,
            dialled,
            events,
            tasks,
        }
    }

    pub async fn raw(&self, request: &Request, caller: Caller) -> Given {
        let body = soap_proto::write_request(request).unwrap();
        self.service.handle(&body, Ok(caller)).await
    }

    pub async fn ask(&self, request: &Request, user: &str) -> Response {
        let mut request = request.clone();
        request.headers.asserted = Some(aor(user));
        let given = self.raw(&request, Caller::Gateway).await;
        let response = soap_proto::parse_response(&given.envelope).unwrap();
        assert_eq!(given.is_fault, response.outcome.is_err());
        response
    }

    pub async fn happen(&self, leg: &LegKey, event: LegEvent) {
        self.events
            .send(BridgeEvent::Leg {
                leg: leg.clone(),
                event,
            })
            .await
            .unwrap();
    }

    /// A client of this user calls a conference.
    pub async fn arrive(&self, call: &str, conference: &ConferenceId, user: &str) {
        self.events
            .send(BridgeEvent::Arrived {
                call: call.to_owned(),
                conference: conference.clone(),
                user: aor(user),
            })
            .await
            .unwrap();
    }

    /// The next telephone that the service wants called.
    pub async fn next_dial(&mut self) -> (LegKey, String) {
        loop {
            if let BridgeCommand::Dial { leg, to, .. } = self.dialled.recv().await.unwrap() {
                return (leg, to.to_string());
            }
        }
    }

    pub async fn join(&self, leg: &LegKey) {
        for event in [
            LegEvent::Dialling,
            LegEvent::Ringing { sip: 180 },
            LegEvent::Answered,
            LegEvent::Joined,
        ] {
            self.happen(leg, event).await;
        }
    }
}

pub fn create(id: &str, others: &[&str]) -> Request {
    let operation = Operation::Create(Create {
        title: Some("Plan".into()),
        initiator: Party::of(Who::Person("alice".into())),
        participants: others
            .iter()
            .map(|name| Party::of(Who::Person((*name).into())))
            .collect(),
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    });
    Request::new(operation, id.parse().unwrap())
}

pub fn snapshot(response: Response) -> Snapshot {
    match response.outcome.unwrap() {
        Answer::Done { conference, .. } | Answer::Get { conference, .. } => conference,
        Answer::List { .. } => panic!("expected one conference, came a list"),
    }
}
