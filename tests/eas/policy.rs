//! Policies and wipe orders: what connecting needs is done, what is demanded is shown, and nothing is ever deleted.

use mailx::wire::wbxml::page::{FolderHierarchy as F, Provision as P, Settings};

use crate::mailbox::{Mailbox, Policy};
use crate::node::{Node, node, text};
use crate::peer::{Home, Peer, Reply, Request, status};
use crate::sums;
use crate::support::maildir::snapshot;

fn strict(key: u32, by_status: Option<u32>) -> Policy {
    let rules = vec![(P::DevicePasswordEnabled, "1"), (P::MinDevicePasswordLength, "6"), (P::AllowCamera, "0")];
    Policy { key, rules, by_status }
}

/// The requests of Provision, in order.
fn provisions(peer: &Peer) -> Vec<Request> {
    peer.seen().into_iter().filter(|request| request.is("Provision")).collect()
}

fn body(request: &Request) -> &Node {
    request.body.as_ref().unwrap()
}

#[test]
fn a_policy_is_fetched_acknowledged_as_not_enforced_and_its_key_is_kept() {
    let mailbox = Mailbox { policy: Some(strict(99, None)), ..Mailbox::of(3, "a") };
    let home = Home::new(mailbox);
    home.fetch(0);
    home.assert_same();
    let asked = provisions(&home.peer);
    assert_eq!(asked.len(), 2, "two phases");
    assert_eq!((asked[0].policy_key(), asked[1].policy_key()), (Some(0), Some(4711)));
    assert!(body(&asked[0]).at(&[Settings::DeviceInformation, Settings::Set, Settings::Model]).is_some(), "device information is inside it");
    assert!(body(&asked[1]).child(Settings::DeviceInformation).is_none());
    assert_eq!(body(&asked[1]).said(&[P::Policies, P::Policy, P::PolicyKey]), Some("4711"));
    // None of it is enforced, and that is what is said.
    assert_eq!(body(&asked[1]).said(&[P::Policies, P::Policy, P::Status]), Some("3"));

    // The key goes with everything, also in later runs.
    home.peer.honest();
    home.peer.mailbox().deliver("5", &crate::mailbox::body("later"));
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    assert_eq!(home.peer.count("Provision"), 0);
    assert!(home.peer.seen().iter().all(|request| request.policy_key() == Some(99)), "{:#?}", home.peer.seen());

    let shown = home.run(&["policy"]).exit(0);
    assert!(shown.stdout.contains("MinDevicePasswordLength") && shown.stdout.contains('6'), "{shown:?}");
}

#[test]
fn another_policy_is_fetched_whichever_way_the_server_says_so() {
    let home = Home::new(Mailbox { policy: Some(strict(1, None)), ..Mailbox::of(2, "a") });
    home.fetch(0);
    for (key, by_status) in [(2, None), (3, Some(141)), (4, Some(142)), (5, Some(143)), (6, Some(144)), (7, Some(140))] {
        home.peer.mailbox().policy = Some(strict(key, by_status));
        home.peer.mailbox().deliver("5", &crate::mailbox::body(&format!("mail {key}")));
        home.peer.honest();
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), home.peer.count("Provision")), (1, 2), "{by_status:?}");
    }
    home.assert_same();
}

#[test]
fn a_policy_that_is_never_satisfied_ends_after_few_requests() {
    let home = Home::new(Mailbox::of(2, "a"));
    home.fetch(0);
    let before = home.mail();
    for answer in [None, Some(142u32), Some(143)] {
        home.peer.hook(move |request, _| {
            let asks = !request.is("OPTIONS") && !request.is("Provision");
            asks.then(|| answer.map_or_else(|| status(449), |code| Reply::Document(node(F::FolderSync, [text(F::Status, code)]))))
        });
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert!(matches!(out.code, Some(69 | 76 | 77)), "{out:?}");
        assert!(home.peer.seen().len() < 12, "{:?}", home.peer.commands());
    }
    assert_eq!(home.mail(), before);
    home.peer.honest();
    home.fetch(0);
}

#[test]
fn a_wipe_order_locks_the_account_and_deletes_and_acknowledges_nothing() {
    for order in [P::RemoteWipe, P::AccountOnlyRemoteWipe] {
        let home = Home::new(Mailbox::of(3, "a"));
        home.fetch(0);
        let before = home.mail();
        // For ever: whatever is answered, it is repeated.
        home.peer.mailbox().wipe = Some(order);
        for verb in ["fetch", "sync", "sync"] {
            home.peer.honest();
            let out = home.run(&[verb, "--json", "--timeout", "3"]).exit(3);
            out.says("ordered to wipe").says("nothing was deleted");
            assert_eq!(home.mail(), before, "{order}: {verb}");
            for request in provisions(&home.peer) {
                assert!(body(&request).child(order).is_none(), "{order} was acknowledged: {request:?}");
            }
            assert!(home.peer.seen().len() < 8, "{:?}", home.peer.commands());
        }
        // Locked: nothing but the question whether the order stands.
        assert_eq!(home.peer.commands(), ["Provision"], "{order}");
        let shown = home.run(&["policy"]).exit(0);
        assert!(shown.stdout.to_lowercase().contains("wipe"), "{shown:?}");

        home.peer.mailbox().wipe = None;
        home.peer.mailbox().deliver("5", &crate::mailbox::body("after it"));
        assert_eq!(sums(&home.sync(0)), [1, 0, 0, 0], "taken back");
        home.assert_same();
    }
}

#[test]
fn a_wipe_order_in_the_first_answers_makes_nothing_and_locks() {
    let home = Home::new(Mailbox { wipe: Some(P::RemoteWipe), ..Mailbox::of(3, "a") });
    home.fetch(3).says("ordered to wipe");
    home.sync(3);
    assert!(home.mail().is_empty());
    home.peer.mailbox().wipe = None;
    home.fetch(0);
    home.assert_same();
}

#[test]
fn who_is_not_let_in_is_told_so_whatever_provision_answers_anybody() {
    // Z-Push tells of an order to wipe before it asks who it is; a wrong password must stay one, and lock nothing.
    let home = Home::new(Mailbox::of(3, "a"));
    home.fetch(0);
    home.peer.mailbox().wipe = Some(P::RemoteWipe);
    let before = snapshot(&home.root);
    for _ in 0..2 {
        let out = home.run_as("another", &["fetch", "--json", "--timeout", "3"]).exit(77);
        assert!(!out.stderr.contains("wipe"), "{}", out.stderr);
    }
    assert_eq!(snapshot(&home.root).len(), before.len());
    home.peer.mailbox().wipe = None;
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_status_of_a_wipe_alone_is_no_order() {
    let home = Home::new(Mailbox::of(2, "a"));
    home.fetch(0);
    home.peer.hook(|request, number| {
        (request.is("FolderSync") && number == 1).then(|| Reply::Document(node(F::FolderSync, [text(F::Status, 140)])))
    });
    home.fetch(0);
    assert!(home.peer.count("Provision") >= 1);
    home.assert_same();
}
