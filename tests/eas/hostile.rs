//! What no server should say: every octet of it is the peer's. The exit code tells what it was, nothing is lost, and no key moves: an honest
//! server afterwards brings everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mailx::wire::wbxml::page::{AirSync as A, FolderHierarchy as F};
use mailx::wire::wbxml::write;

use crate::exchange::{Reply, Seen, status};
use crate::home::Home;
use crate::mailbox::{INBOX, letter};
use crate::support::Out;
use crate::support::maildir::identity;

/// An account with mail, and new mail there; then `reply` to every `command`. What the run said. Afterwards an honest server, and all is well.
#[track_caller]
fn meets(command: &'static str, reply: Reply) -> Out {
    let home = Home::new(3);
    home.fetch(0);
    let before = home.mail();
    home.peer.there().deliver(INBOX, &letter(90));
    home.peer.seen();
    home.peer.hook(move |seen, _| (seen.command == command).then(|| reply.clone()));
    let begun = Instant::now();
    let out = home.run(&["sync", "--json", "--timeout", "3"]);
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    let asked = home.peer.commands();
    assert!(asked.len() < 40, "{asked:?}");
    assert_eq!(home.mail(), before, "nothing lost, nothing new");
    home.peer.honest();
    assert_eq!(sums(&home.sync(0)), [1, 0, 0, 0]);
    home.assert_same();
    out
}

fn sums(out: &Out) -> [u64; 4] {
    ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|name| out.sum(name))
}

/// A Sync that says something of the Inbox.
fn page(key: &str, inside: impl FnOnce(&mut mailx::wire::wbxml::Writer<'_>)) -> Vec<u8> {
    write(A::Sync, |sync| {
        sync.element(A::Collections, |all| {
            all.element(A::Collection, |one| {
                one.text(A::SyncKey, key).text(A::CollectionId, INBOX).number(A::Status, 1u32);
                inside(one);
            });
        });
    })
    .unwrap()
}

fn header(more: &[u8]) -> Vec<u8> {
    [&[0x03, 0x01, 0x6A, 0x00], more].concat()
}

#[test]
fn a_login_page_by_redirect_is_not_followed() {
    for command in ["FolderSync", "Sync"] {
        meets(command, Reply::status(302).with("Location", "https://login.example.org/?next=mail")).exit(76).says("login.example.org");
        meets(command, Reply::html(200)).exit(76).says("text/html");
        // The same under a false flag.
        meets(command, Reply::wbxml(Reply::html(200).body)).exit(76);
    }
}

#[test]
fn another_content_type_is_refused_even_where_the_octets_are_right() {
    let body = write(F::FolderSync, |sync| {
        sync.number(F::Status, 1u32).text(F::SyncKey, "9");
    })
    .unwrap();
    meets("FolderSync", Reply { body, ..Reply::status(200) }.with("Content-Type", "application/json")).exit(76).says("json");
}

#[test]
fn garbage_is_refused_wherever_it_comes() {
    let noise: Vec<u8> = (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let deep = header(&[&[0x00, 0x07], &[0x56; 1000][..]].concat());
    for octets in [noise.clone(), header(&noise), deep] {
        for command in ["FolderSync", "Sync"] {
            meets(command, Reply::wbxml(octets.clone())).exit(76);
        }
    }
}

#[test]
fn a_listing_that_is_cut_anywhere_moves_no_key_and_deletes_nothing() {
    let home = Home::new(3);
    home.sync(0);
    home.peer.there().deliver(INBOX, &letter(90));
    let before = home.mail();
    let whole = page("never", |one| {
        one.element(A::Commands, |commands| {
            commands.element(A::Delete, |delete| {
                delete.text(A::ServerId, "5:1");
            });
        });
    });
    home.peer.seen();
    for cut in (1..whole.len()).step_by(4) {
        let octets = whole[..cut].to_vec();
        home.peer.hook(move |seen, _| (seen.command == "Sync").then(|| Reply::wbxml(octets.clone())));
        home.sync(76);
        assert_eq!(home.mail(), before, "cut at {cut}");
    }
    home.peer.honest();
    home.sync(0);
    home.assert_same();
    let keys: Vec<Seen> = home.peer.seen();
    assert!(keys.iter().filter(|seen| seen.command == "Sync").all(|seen| seen.node().text(A::SyncKey) != "never"));
}

#[test]
fn an_answer_without_an_end_ends_at_a_bound() {
    // A folder whose name never ends; nothing but changes of the code page; text that is in no element of ours.
    let name = header(&[0x00, 0x07, 0x56, 0x4E, 0x4F, 0x47, 0x03]);
    meets("FolderSync", Reply::endless(name, vec![b'x'; 60_000])).exit(76);
    meets("Sync", Reply::endless(header(&[]), [0x00, 0x00].repeat(30_000))).exit(76);
    // One octet after another keeps nobody waiting for ever, either.
    meets("Sync", Reply::endless(header(&[0x45]), vec![0x5C; 60_000])).exit(76);
}

#[test]
fn parts_that_overlap_or_lie_outside_are_refused() {
    for table in [
        vec![2u32, 20, 10, 25, 10],
        vec![2, 0, 10, 4, 10],
        vec![1, 12, 1_000_000],
        vec![u32::MAX],
        vec![3, 12, 4, u32::MAX, u32::MAX, 16, 4],
    ] {
        let body: Vec<u8> = table.iter().flat_map(|n| n.to_le_bytes()).chain([0; 64]).collect();
        let home = Home::new(2);
        home.peer.hook(move |seen, _| {
            let reply = || Reply { body: body.clone(), ..Reply::status(200) }.with("Content-Type", "application/vnd.ms-sync.multipart");
            (seen.command == "ItemOperations").then(reply)
        });
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert!(matches!(out.code, Some(1 | 69 | 75 | 76)), "{table:?}: {out:?}");
        assert!(home.mail().is_empty());
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn there_is_always_more_and_it_ends() {
    let home = Home::new(2);
    home.fetch(0);
    home.peer.seen();
    home.peer.hook(|seen, _| {
        let octets = page(&format!("n{}", seen.before), |one| {
            one.empty(A::MoreAvailable);
        });
        (seen.command == "Sync").then(|| Reply::wbxml(octets))
    });
    let begun = Instant::now();
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(begun.elapsed() < Duration::from_secs(50) && out.code != Some(0), "{:?}: {out:?}", begun.elapsed());
}

#[test]
fn a_soft_deletion_takes_nothing_away() {
    let home = Home::new(3);
    home.sync(0);
    let before = home.mail();
    home.peer.seen();
    home.peer.hook(|seen, _| {
        let key = seen.body.as_ref()?.text(A::SyncKey).to_owned();
        let octets = || {
            page(&key, |one| {
                one.element(A::Commands, |commands| {
                    commands.element(A::SoftDelete, |soft| {
                        soft.text(A::ServerId, "5:1");
                    });
                });
            })
        };
        (seen.command == "Sync" && seen.before == 0).then(|| Reply::wbxml(octets()))
    });
    assert_eq!(sums(&home.sync(0)), [0; 4]);
    assert_eq!(home.mail(), before);
}

#[test]
fn names_hold_what_they_like_and_nothing_leaves_the_maildir() {
    let home = Home::new(1);
    let long = "long ".repeat(80);
    let names = [
        "a/b",
        "..",
        ".",
        "",
        " ",
        "x\u{202e}y",
        "line\nbreak",
        "INBOX",
        "cur",
        "Inbox",
        "\\",
        "né%2F",
        "tmp",
        ".mailx",
        &long,
        "twin",
        "twin",
    ];
    for (n, name) in names.iter().enumerate() {
        home.peer.there().make(&format!("4{n:02}"), name, "0", 12);
        home.peer.there().deliver(&format!("4{n:02}"), &letter(100 + n));
    }
    // A parent that nobody knows, and two that are inside each other.
    for (n, (id, parent, name)) in [("50", "404", "lost"), ("51", "52", "round"), ("52", "51", "and round")].into_iter().enumerate() {
        home.peer.there().make(id, name, parent, 12);
        home.peer.there().deliver(id, &letter(200 + n));
    }
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(matches!(out.code, Some(0 | 1)), "{out:?}");
    let here = home.here();
    let there: BTreeSet<String> = home.peer.there().identities().into_iter().collect();
    assert_eq!(here.len(), here.iter().collect::<BTreeSet<_>>().len(), "twice");
    assert!(here.iter().all(|one| there.contains(one)));
    // Where two want one directory, one may have to stay there, loudly.
    assert!(here.len() + 4 >= there.len(), "{} of {}: {}", here.len(), there.len(), out.stderr);
    assert!(here.len() == there.len() || out.code == Some(1), "{out:?}");
    let again = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert_eq!((again.sum("downloaded"), again.code), (0, out.code), "{again:?}");
}

#[test]
fn a_server_that_rebuilds_messages_loses_none_and_is_sent_none_back() {
    let home = Home::new(5);
    home.sync(0);
    let before: Vec<String> = home.mail().into_iter().map(|mail| mail.base).collect();
    // Another Received line and another end each time; the Message-ID stays.
    {
        let mut there = home.peer.there();
        for letter in &mut there.folders.get_mut(INBOX).unwrap().letters {
            letter.body = [b"Received: from rebuilt\r\n".as_slice(), &letter.body[..], b"\r\n"].concat();
        }
        there.reset(INBOX);
    }
    let out = home.sync(0);
    assert_eq!(sums(&out)[1..], [0; 3], "{out:?}");
    let after: Vec<String> = home.mail().into_iter().map(|mail| mail.base).collect();
    assert!(before.iter().all(|base| after.contains(base)), "nothing that is here is lost");
    assert_eq!(home.peer.there().folders[INBOX].letters.len(), 5);
    assert_eq!(sums(&home.sync(0)), [0; 4]);
}

#[test]
fn a_version_that_is_not_taken_any_more_is_negotiated_again() {
    let home = Home::new(2);
    home.peer.there().versions = "14.1".into();
    home.fetch(0);
    home.peer.there().versions = "16.1".into();
    home.peer.there().deliver(INBOX, &letter(9));
    home.peer.seen();
    home.peer.hook(|seen, _| {
        let old = seen.command == "FolderSync" && seen.header("ms-asprotocolversion") == "14.1";
        old.then(|| status(F::FolderSync, F::Status, 138))
    });
    // Keys of another version are void: the same messages are known again.
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    assert!(home.peer.commands().contains(&"OPTIONS".to_owned()));
    home.assert_same();
}

#[test]
fn a_policy_is_asked_for_again_whichever_status_says_so_and_a_status_is_no_order() {
    for code in [140, 141, 142, 143, 144] {
        let home = Home::new(2);
        home.fetch(0);
        home.peer.seen();
        home.peer.hook(move |seen, _| (seen.command == "FolderSync" && seen.before == 0).then(|| status(F::FolderSync, F::Status, code)));
        home.fetch(0);
        let asked = home.peer.commands();
        assert!(asked.contains(&"Provision".to_owned()) && asked.len() < 8, "status {code}: {asked:?}");
        home.assert_same();
    }
}

#[test]
fn who_is_not_let_in_is_told_so_whatever_provision_answers_to_anybody() {
    use mailx::wire::wbxml::page::Provision as P;
    // Z-Push tells of an order to wipe before it asks who it is; a wrong password must stay one, and lock nothing.
    let home = Home::new(3);
    home.fetch(0);
    home.peer.hook(|seen, _| {
        let wipe = || {
            Reply::wbxml(
                write(P::Provision, |provision| {
                    provision.number(P::Status, 1u32).empty(P::RemoteWipe);
                })
                .unwrap(),
            )
        };
        Some(if seen.command == "Provision" { wipe() } else { Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\"") })
    });
    for _ in 0..2 {
        let out = home.fetch(77);
        assert!(!out.stderr.contains("wipe"), "{}", out.stderr);
    }
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn cookies_come_back_and_go_to_nobody_else() {
    let home = Home::new(2);
    home.peer.hook(|seen, _| {
        (seen.command == "OPTIONS").then(|| {
            let reply = Reply::status(200)
                .with("Set-Cookie", "X-BEResource=abc~1; path=/; secure")
                .with("Set-Cookie", "ClientId=XYZ; expires=never");
            reply.with("MS-ASProtocolVersions", "16.1").with("MS-ASProtocolCommands", "Sync,FolderSync,ItemOperations")
        })
    });
    home.fetch(0);
    let last = home.peer.seen().pop().unwrap();
    assert!(last.header("cookie").contains("X-BEResource=abc~1") && last.header("cookie").contains("ClientId=XYZ"), "{last:?}");
}

#[test]
fn a_server_that_is_always_busy_ends_the_run_and_loses_nothing() {
    for code in [16, 111] {
        let out = meets("Sync", status(A::Sync, A::Status, code));
        assert!(matches!(out.code, Some(1 | 75)), "status {code}: {out:?}");
    }
}

#[test]
fn there_are_no_two_identities_of_one_message() {
    // The same message told twice in one page, and once more as changed.
    let home = Home::new(1);
    home.peer.hook(|seen, there| {
        if seen.command != "Sync" || seen.body.as_ref()?.text(A::SyncKey) == "0" || seen.before > 1 {
            return None;
        }
        let _ = there;
        let add = |commands: &mut mailx::wire::wbxml::Writer<'_>, tag| {
            commands.element(tag, |add| {
                add.text(A::ServerId, "5:1").element(A::ApplicationData, |data| {
                    data.boolean(mailx::wire::wbxml::page::Email::Read, true);
                });
            });
        };
        Some(Reply::wbxml(page("0.1", |one| {
            one.element(A::Commands, |commands| [A::Add, A::Add, A::Change].into_iter().for_each(|tag| add(commands, tag)));
        })))
    });
    home.fetch(0);
    assert_eq!(home.mail().iter().filter(|mail| mail.identity == identity(&letter(0))).count(), 1);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

/// Every message of the Inbox is told as `tag`, once; what the run said, and whether the mail is as it was.
fn all_are_told_as(tag: mailx::wire::wbxml::Tag) -> (Home, Out) {
    let home = Home::new(30);
    home.sync(0);
    home.peer.seen();
    home.peer.hook(move |seen, _| {
        let inbox = seen.command == "Sync" && seen.before == 0;
        let octets = || {
            page("0.30", |one| {
                one.element(A::Commands, |commands| {
                    for n in 1..=30 {
                        commands.element(tag, |gone| drop(gone.text(A::ServerId, &format!("5:{n}"))));
                    }
                });
            })
        };
        inbox.then(|| Reply::wbxml(octets()))
    });
    let out = home.run(&["sync", "--json", "--timeout", "3"]);
    (home, out)
}

#[test]
fn deletions_of_everything_meet_the_guard_and_soft_ones_take_nothing_away() {
    let (home, out) = all_are_told_as(A::Delete);
    out.exit(3).says("--allow-mass-delete");
    assert_eq!(home.mail().len(), 30);
    let (home, out) = all_are_told_as(A::SoftDelete);
    assert_eq!(sums(&out.exit(0)), [0; 4]);
    home.peer.honest();
    home.sync(0);
    home.assert_same();
}

#[test]
fn a_message_that_left_the_servers_window_stays_and_what_is_done_to_it_here_goes_there() {
    let (home, _) = all_are_told_as(A::SoftDelete);
    home.peer.honest();
    let file = home.mail().into_iter().find(|mail| mail.identity == identity(&letter(4))).unwrap();
    file.relabel("S");
    let gone = home.mail().into_iter().find(|mail| mail.identity == identity(&letter(5))).unwrap();
    std::fs::remove_file(&gone.path).unwrap();
    home.sync(0);
    assert!(home.peer.there().folders[INBOX].letters.iter().any(|l| l.id == "5:5" && l.read));
    assert!(!home.peer.there().folders[INBOX].letters.iter().any(|l| l.id == "5:6"));
    home.sync(0);
    home.assert_same();
}

#[test]
fn a_listing_that_turns_in_a_circle_ends() {
    // The same key again; the same messages with another key each time.
    for moves in [false, true] {
        let home = Home::new(2);
        home.fetch(0);
        home.peer.there().deliver(INBOX, &letter(70));
        home.peer.seen();
        home.peer.hook(move |seen, there| {
            let node = seen.body.as_ref()?;
            if seen.command != "Sync" {
                return None;
            }
            let key = if moves { format!("n{}", seen.before) } else { node.text(A::SyncKey).to_owned() };
            let _ = there;
            Some(Reply::wbxml(page(&key, |one| {
                one.empty(A::MoreAvailable).element(A::Commands, |commands| {
                    commands.element(A::Add, |add| drop(add.text(A::ServerId, "5:3").element(A::ApplicationData, |_| {})));
                });
            })))
        });
        let begun = Instant::now();
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert!(begun.elapsed() < Duration::from_secs(30) && matches!(out.code, Some(1 | 76)), "{:?}: {out:?}", begun.elapsed());
        assert!(home.peer.commands().len() < 20);
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn lengths_and_encodings_that_lie_cost_no_mail() {
    let honest = |there: &mut crate::mailbox::There, seen: &Seen| there.answer(seen);
    for (name, value) in [
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", "br"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "99999999999999999999"),
        ("Content-Length", "1"),
    ] {
        let home = Home::new(2);
        home.fetch(0);
        home.peer.there().deliver(INBOX, &letter(70));
        home.peer.hook(move |seen, there| (seen.command == "Sync").then(|| honest(there, seen).with(name, value)));
        let out = home.run(&["fetch", "--json", "--timeout", "2"]);
        assert!(matches!(out.code, Some(69 | 75 | 76)), "{name}: {value}: {out:?}");
        assert_eq!(home.mail().len(), 2);
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn a_head_without_an_end_ends() {
    let home = Home::new(1);
    home.fetch(0);
    home.peer.hook(|seen, _| {
        let mut reply = Reply::status(200);
        for n in 0..2000 {
            reply = reply.with(&format!("X-{n}"), &"y".repeat(500));
        }
        (seen.command == "FolderSync").then_some(reply)
    });
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(matches!(out.code, Some(75 | 76)), "{out:?}");
    home.assert_same();
}
