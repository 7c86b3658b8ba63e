//! Policies, and orders to wipe.

use mailx::wire::wbxml::page::{FolderHierarchy as F, Provision as P, Settings as S};
use mailx::wire::wbxml::{Writer, write};

use crate::exchange::{Reply, Seen, status};
use crate::home::Home;

/// A policy with these rules and this key; `None`: the receipt of an acknowledgement.
fn policy(key: u32, rules: Option<&[(mailx::wire::wbxml::Tag, &str)]>) -> Reply {
    let body = write(P::Provision, |provision| {
        provision.number(P::Status, 1u32).element(P::Policies, |policies| {
            policies.element(P::Policy, |policy| {
                policy.text(P::PolicyType, "MS-EAS-Provisioning-WBXML").number(P::Status, 1u32).number(P::PolicyKey, key);
                if let Some(rules) = rules {
                    policy.element(P::Data, |data| {
                        data.element(P::EASProvisionDoc, |doc| rules.iter().for_each(|(tag, value)| drop(doc.text(*tag, value))));
                    });
                }
            });
        });
    });
    Reply::wbxml(body.unwrap())
}

fn is_acknowledgement(seen: &Seen) -> bool {
    seen.node().find(P::PolicyKey).is_some()
}

/// A server that wants its policy known: its key 77 with every command.
fn strict(home: &Home, rules: &'static [(mailx::wire::wbxml::Tag, &'static str)]) {
    home.peer.hook(move |seen, _| match seen.command.as_str() {
        "Provision" if is_acknowledgement(seen) => Some(policy(77, None)),
        "Provision" => Some(policy(5, Some(rules))),
        "OPTIONS" => None,
        _ if seen.header("x-ms-policykey") != "77" => Some(Reply::status(449)),
        _ => None,
    });
}

fn wipe(tag: mailx::wire::wbxml::Tag) -> Reply {
    Reply::wbxml(write(P::Provision, |provision: &mut Writer<'_>| drop(provision.number(P::Status, 1u32).empty(tag))).unwrap())
}

#[test]
fn a_policy_is_asked_for_answered_honestly_kept_and_shown() {
    let home = Home::new(3);
    strict(&home, &[(P::DevicePasswordEnabled, "1"), (P::AllowCamera, "0"), (P::MaxAttachmentSize, "")]);
    home.fetch(0);
    home.assert_same();
    let seen = home.peer.seen();
    let provisions: Vec<&Seen> = seen.iter().filter(|s| s.command == "Provision").collect();
    assert_eq!(provisions.len(), 2, "{provisions:#?}");
    // From 14.1 on device information is a part of the first.
    assert_eq!(provisions[0].node().text(S::Model), "mailx");
    assert_eq!((provisions[0].header("x-ms-policykey"), provisions[1].header("x-ms-policykey")), ("0", "5"));
    // 3: nothing of it is enforced.
    assert_eq!(provisions[1].node().text(P::Status), "3");
    assert!(seen.iter().filter(|s| s.command == "Sync").all(|s| s.header("x-ms-policykey") == "77"));
    home.fetch(0);
    assert!(!home.peer.commands().contains(&"Provision".to_owned()), "the key is kept");

    let shown = home.run(&["policy"]).exit(0);
    assert!(shown.stdout.contains("DevicePasswordEnabled") && shown.stdout.contains("demanded, not enforced"), "{shown:?}");
    assert!(!shown.stdout.contains("MaxAttachmentSize"), "a rule without a value sets nothing");
    let account = home.run(&["policy", "--json"]).exit(0).account();
    assert_eq!(account["rules"][0]["rule"], "DevicePasswordEnabled");
    assert_eq!((&account["rules"][0]["demands"], &account["rules"][0]["enforced"]), (&true.into(), &false.into()));
    assert_eq!(account["rules"][1]["demands"], false);
}

#[test]
fn a_policy_that_asks_nothing_of_mail_is_accepted() {
    let home = Home::new(1);
    strict(&home, &[(P::DevicePasswordEnabled, "0"), (P::AllowBrowser, "0")]);
    home.fetch(0);
    let acknowledged = home.peer.seen().into_iter().find(|s| s.command == "Provision" && is_acknowledgement(s)).unwrap();
    assert_eq!(acknowledged.node().text(P::Status), "1");
}

#[test]
fn a_changed_policy_is_asked_for_again_once() {
    let home = Home::new(2);
    home.fetch(0);
    home.peer.seen();
    strict(&home, &[(P::DevicePasswordEnabled, "0")]);
    home.fetch(0);
    assert_eq!(home.peer.commands().iter().filter(|c| *c == "Provision").count(), 2);
    // One that is never satisfied is not asked for ever.
    home.peer.hook(|seen, _| match seen.command.as_str() {
        "Provision" if is_acknowledgement(seen) => Some(policy(78, None)),
        "Provision" => Some(policy(6, Some(&[(P::RequireDeviceEncryption, "1")]))),
        "FolderSync" => Some(status(F::FolderSync, F::Status, 142)),
        _ => None,
    });
    home.fetch(69).says("mailx policy");
    assert_eq!(home.peer.commands().iter().filter(|c| *c == "Provision").count(), 2);
    home.assert_same();
}

#[test]
fn an_order_to_wipe_locks_the_account_and_deletes_nothing() {
    for order in [P::RemoteWipe, P::AccountOnlyRemoteWipe] {
        let home = Home::new(3);
        home.fetch(0);
        let here = crate::support::snapshot(&home.root.join("INBOX"));
        home.peer.seen();
        home.peer.hook(move |seen, _| match seen.command.as_str() {
            "Provision" => Some(wipe(order)),
            "FolderSync" => Some(status(F::FolderSync, F::Status, 140)),
            _ => None,
        });
        home.fetch(3).says("locked").says("nothing was deleted");
        // Again and again: it is asked whether the order stands, and nothing else.
        home.peer.seen();
        home.sync(3);
        home.fetch(3);
        home.run(&["account", "test"]).exit(3);
        let seen = home.peer.seen();
        assert!(!seen.is_empty() && seen.iter().all(|s| s.command == "Provision"), "{seen:#?}");
        assert!(seen.iter().all(|s| s.node().inner.is_empty()), "nothing is acknowledged: {seen:#?}");
        assert_eq!(crate::support::snapshot(&home.root.join("INBOX")), here);
        let shown = home.run(&["policy"]).exit(3);
        assert!(shown.stdout.contains("wipe") && shown.stdout.contains("nothing was deleted"), "{shown:?}");
        // It is taken back.
        home.peer.honest();
        home.peer.there().deliver(crate::mailbox::INBOX, b"Subject: after\r\n\r\n");
        home.sync(0);
        home.assert_same();
    }
}

#[test]
fn an_order_that_comes_with_the_first_contact_makes_no_maildir() {
    let home = Home::new(1);
    home.peer.hook(|seen, _| (seen.command == "Provision").then(|| wipe(P::RemoteWipe)));
    home.fetch(3);
    assert!(!home.root.exists());
}
