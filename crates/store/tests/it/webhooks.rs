//! Webhooks and what waits for them.

use store::{ApiToken, DELIVERIES_MAX, NewWebhook, StoreError, WEBHOOKS_MAX};

use crate::{Bench, account, aor};

fn hook(user: &str, n: usize) -> NewWebhook {
    NewWebhook {
        aor: aor(user),
        url: format!("https://hooks.example/{n}"),
        events: "conference.ended participant.leg".to_owned(),
        secret: "s3cret".to_owned(),
        token: None,
        created_at: 1,
    }
}

#[test]
fn a_webhook_that_a_token_made_goes_with_it() {
    let bench = Bench::new();
    let store = &bench.store;
    bench
        .ask(store.save_account(account("alice", "Alice")))
        .unwrap();
    let token = |hash: u8, expires_at| {
        let token = ApiToken {
            hash: [hash; 32],
            aor: aor("alice"),
            label: "script".to_owned(),
            scopes: "conference".to_owned(),
            created_at: 1,
            expires_at,
        };
        bench.ask(store.add_token(token)).unwrap()
    };
    let (kept, taken_back, expires) = (token(1, None), token(2, None), token(3, Some(10)));
    let made = |token| {
        let hook = NewWebhook {
            token,
            ..hook("alice", 0)
        };
        bench.ask(store.add_webhook(hook)).unwrap()
    };
    let stay = [made(None), made(Some(kept))];
    let goes = [made(Some(taken_back)), made(Some(expires))];
    let queued = bench.ask(store.queue_delivery(goes[0], "x".into(), 5));
    assert_eq!(queued, Ok(0));
    assert!(
        bench
            .ask(store.remove_token(&aor("alice"), taken_back))
            .unwrap()
    );
    assert_eq!(bench.ask(store.purge_sessions(10)).unwrap(), 1);
    let left = bench.ask(store.all_webhooks()).unwrap();
    assert_eq!(left.iter().map(|hook| hook.id).collect::<Vec<_>>(), stay);
    assert_eq!(bench.ask(store.next_delivery(goes[0])).unwrap(), None);
    let late = bench.ask(store.add_webhook(NewWebhook {
        token: Some(taken_back),
        ..hook("alice", 0)
    }));
    assert!(matches!(late, Err(StoreError::Conflict { .. })));
}

#[test]
fn webhooks_are_each_persons_own_and_bounded() {
    let bench = Bench::new();
    let store = &bench.store;
    let nobody = bench.ask(store.add_webhook(hook("alice", 0)));
    assert!(matches!(nobody, Err(StoreError::Conflict { .. })));
    for user in ["alice", "bob"] {
        bench.ask(store.save_account(account(user, user))).unwrap();
    }
    let first = bench.ask(store.add_webhook(hook("alice", 0))).unwrap();
    let bobs = bench.ask(store.add_webhook(hook("bob", 1))).unwrap();
    let list = |user| bench.ask(store.webhooks(&aor(user))).unwrap();
    assert_eq!(list("alice").len(), 1);
    assert_eq!(list("alice")[0].hook, hook("alice", 0));
    assert!(!format!("{:?}", list("alice")).contains("s3cret"));
    assert_eq!(bench.ask(store.all_webhooks()).unwrap().len(), 2);
    let remove = |user, id| bench.ask(store.remove_webhook(&aor(user), id)).unwrap();
    assert!(!remove("alice", bobs), "not hers");
    assert!(remove("alice", first) && !remove("alice", first));
    for n in 0..WEBHOOKS_MAX {
        bench.ask(store.add_webhook(hook("alice", n))).unwrap();
    }
    let full = bench.ask(store.add_webhook(hook("alice", 99)));
    assert!(matches!(full, Err(StoreError::Conflict { .. })));
    bench.ask(store.remove_account(&aor("alice"))).unwrap();
    assert_eq!(bench.ask(store.all_webhooks()).unwrap().len(), 1);
}

#[test]
fn deliveries_wait_in_order_across_a_restart_until_they_are_taken() {
    let bench = Bench::new();
    bench
        .ask(bench.store.save_account(account("alice", "Alice")))
        .unwrap();
    let id = bench
        .ask(bench.store.add_webhook(hook("alice", 0)))
        .unwrap();
    for body in ["one", "two"] {
        let queued = bench.ask(bench.store.queue_delivery(id, body.into(), 10));
        assert_eq!(queued, Ok(0));
    }
    let orphan = bench.ask(bench.store.queue_delivery(id + 1, "x".into(), 10));
    assert!(matches!(orphan, Err(StoreError::Conflict { .. })));
    let bench = bench.reopen();
    let store = &bench.store;
    let next = || bench.ask(store.next_delivery(id)).unwrap();
    let one = next().unwrap();
    assert_eq!((one.body.as_slice(), one.created_at), (&b"one"[..], 10));
    let failing = || {
        let hooks = bench.ask(store.webhooks(&aor("alice"))).unwrap();
        (hooks[0].failing.clone(), hooks[0].waiting)
    };
    for at in [20, 30] {
        bench
            .ask(store.delivery_failed(id, format!("answer {at}"), at))
            .unwrap();
    }
    assert_eq!(failing(), (Some((20, "answer 30".to_owned())), 2));
    assert_eq!(next(), Some(one.clone()), "it still waits");
    bench.ask(store.delivered(id, one.id, None, 40)).unwrap();
    assert_eq!(failing(), (None, 1));
    let two = next().unwrap();
    let given_up = Some("given up".to_owned());
    bench
        .ask(store.delivered(id, two.id, given_up, 50))
        .unwrap();
    assert_eq!(next(), None);
    assert_eq!(failing(), (Some((50, "given up".to_owned())), 0));

    bench.ask(async {
        let queue = |n: usize| store.queue_delivery(id, n.to_string().into(), 60);
        for n in 0..DELIVERIES_MAX {
            assert_eq!(queue(n).await, Ok(0));
        }
        assert_eq!(queue(DELIVERIES_MAX).await, Ok(1), "the oldest is dropped");
    });
    assert_eq!(next().unwrap().body, b"1");
}
