//! Passwords, sessions and their tokens.

use store::{
    NewPassword, NewSession, NewSessionToken, Opened, SESSION_TOKENS_MAX, SESSIONS_MAX,
    SessionToken, StoreError,
};

use crate::{Bench, account, aor};

const PHC: &str = "$argon2id$0";

fn password(phc: &str) -> NewPassword {
    NewPassword {
        phc: phc.to_owned(),
        replaces: None,
        except: None,
    }
}

fn session(user: &str, cookie: u8, at: i64) -> NewSession {
    NewSession {
        aor: aor(user),
        phc: PHC.to_owned(),
        cookie: [cookie; 32],
        created_at: at,
        expires_at: at + 1_000,
    }
}

fn token(hash: u8, expires_at: i64) -> NewSessionToken {
    NewSessionToken {
        hash: [hash; 32],
        expires_at,
    }
}

/// Two people with the same password.
fn people(bench: &Bench) {
    for user in ["alice", "bob"] {
        bench
            .ask(bench.store.save_account(account(user, user)))
            .unwrap();
        let user = aor(user);
        let set = bench.store.save_password(&user, password(PHC), 1);
        bench.ask(set).unwrap();
    }
}

#[test]
fn a_password_is_that_of_an_account_and_goes_with_it() {
    let bench = Bench::new();
    let store = &bench.store;
    let nobody = bench.ask(store.save_password(&aor("alice"), password(PHC), 1));
    assert!(matches!(nobody, Err(StoreError::Conflict { .. })));
    people(&bench);
    for phc in ["$argon2id$1", "$argon2id$2"] {
        bench
            .ask(store.save_password(&aor("alice"), password(phc), 1))
            .unwrap();
    }
    // Renaming an account leaves its password alone.
    bench
        .ask(store.save_account(account("alice", "Alice")))
        .unwrap();
    let stored = |user| bench.ask(store.password(&aor(user))).unwrap();
    assert_eq!(stored("alice").as_deref(), Some("$argon2id$2"));
    assert_eq!(stored("bob").as_deref(), Some(PHC));
    bench.ask(store.remove_account(&aor("alice"))).unwrap();
    assert_eq!(stored("alice"), None);
}

#[test]
fn a_cookie_renews_tokens_until_its_session_ends() {
    let bench = Bench::new();
    people(&bench);
    let first = bench
        .ask(
            bench
                .store
                .open_session(session("alice", 1, 100), token(11, 200)),
        )
        .unwrap()
        .unwrap();
    assert_eq!((&first.aor, &first.ended), (&aor("alice"), &vec![]));
    // A restart changes nothing.
    let bench = bench.reopen();
    let store = &bench.store;
    let renew = |cookie: u8, hash, now| {
        bench
            .ask(store.renew_session([cookie; 32], token(hash, now + 100), now, now + 1_000))
            .unwrap()
    };
    let second = renew(1, 12, 150).unwrap();
    assert_eq!(
        (second.session, second.ended.len()),
        (first.session, 0),
        "the first token stays in force"
    );
    assert_eq!(renew(9, 13, 150), None, "an unknown cookie");
    let found = |hash: u8, now| bench.ask(store.session_token([hash; 32], now)).unwrap();
    let expected = SessionToken {
        id: first.token,
        hash: [11; 32],
        expires_at: 200,
        session: first.session,
        aor: aor("alice"),
    };
    assert_eq!(found(11, 199), Some(expected.clone()));
    assert_eq!(found(11, 200), None, "it has ended");
    let live = |now| {
        let tokens = bench.ask(store.session_tokens(&aor("alice"), now)).unwrap();
        tokens.iter().map(|token| token.id).collect::<Vec<_>>()
    };
    assert_eq!(live(160), [first.token, second.token]);
    assert_eq!(live(200), [second.token]);
    assert_eq!(
        bench.ask(store.session_tokens(&aor("bob"), 160)).unwrap(),
        []
    );

    let of = |cookie: u8, now| bench.ask(store.session_of([cookie; 32], now)).unwrap();
    assert_eq!(of(1, 1_149), Some((first.session, aor("alice"))), "renewed");
    assert_eq!(of(1, 1_150), None, "its time is over");
    assert_eq!(renew(1, 14, 1_150), None);

    let ended = bench.ask(store.end_session(first.session, 210)).unwrap();
    assert_eq!(ended, [second.token], "the other had ended by itself");
    assert_eq!(found(12, 210), None);
    assert_eq!(of(1, 210), None);
    assert!(
        bench
            .ask(store.end_session(first.session, 210))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn other_sessions_end_with_a_password_and_what_is_over_is_forgotten() {
    let bench = Bench::new();
    people(&bench);
    let store = &bench.store;
    let open = |user: &str, n: u8, at| -> Opened {
        bench
            .ask(store.open_session(session(user, n, at), token(n, at + 500)))
            .unwrap()
            .unwrap()
    };
    let (kept, other, bobs) = (
        open("alice", 1, 100),
        open("alice", 2, 100),
        open("bob", 3, 100),
    );
    let save = |phc: &str, replaces: Option<&str>, except| {
        let new = NewPassword {
            phc: phc.to_owned(),
            replaces: replaces.map(str::to_owned),
            except,
        };
        bench
            .ask(store.save_password(&aor("alice"), new, 200))
            .unwrap()
    };
    let ended = save("$argon2id$1", Some(PHC), Some(kept.session));
    assert_eq!(ended, Some(vec![other.token]));
    assert_eq!(
        save("$argon2id$2", Some(PHC), None),
        None,
        "who knew the former password sets no other"
    );
    let stored = bench.ask(store.password(&aor("alice"))).unwrap();
    assert_eq!(stored.as_deref(), Some("$argon2id$1"));
    let late = bench.ask(store.open_session(session("alice", 4, 100), token(4, 500)));
    assert_eq!(late, Ok(None), "nor signs in with what was checked before");
    assert_eq!(save(PHC, None, None), Some(vec![kept.token]));
    assert_eq!(
        bench
            .ask(store.session_tokens(&aor("bob"), 200))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(bench.ask(store.purge_sessions(599)).unwrap(), 0);
    assert_eq!(bench.ask(store.purge_sessions(600)).unwrap(), 1, "a token");
    assert!(
        bench
            .ask(store.session_of([3; 32], 600))
            .unwrap()
            .is_some_and(|(session, _)| session == bobs.session)
    );
    assert_eq!(bench.ask(store.purge_sessions(1_100)).unwrap(), 1);
}

#[test]
fn sessions_and_tokens_are_bounded_and_the_oldest_make_room() {
    let bench = Bench::new();
    people(&bench);
    let store = &bench.store;
    let open = |n: u8| {
        bench
            .ask(store.open_session(session("alice", n, 100), token(n, 500)))
            .unwrap()
            .unwrap()
    };
    let most = u8::try_from(SESSIONS_MAX).unwrap();
    let first = open(0);
    for n in 1..most {
        assert!(open(n).ended.is_empty());
    }
    assert_eq!(open(most).ended, [first.token]);
    assert_eq!(bench.ask(store.session_of([0; 32], 200)).unwrap(), None);

    let renew = |hash: u8| {
        let token = NewSessionToken {
            hash: [hash; 32],
            expires_at: 500,
        };
        let renewed = bench
            .ask(store.renew_session([1; 32], token, 200, 1_200))
            .unwrap();
        renewed.unwrap()
    };
    for n in 1..SESSION_TOKENS_MAX {
        assert!(renew(100 + u8::try_from(n).unwrap()).ended.is_empty());
    }
    assert_eq!(renew(200).ended.len(), 1);
}
