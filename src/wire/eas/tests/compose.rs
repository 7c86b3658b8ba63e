//! SendMail, SmartReply and SmartForward.

use super::super::{Command, CommonStatus, Compose, EasError, Remedy, SendStatus, Source, Status, compose_request, compose_response};
use super::{element, leaf, nothing_skipped, vector};
use crate::wire::wbxml::page::ComposeMail as C;
use crate::wire::wbxml::tests::node::Node;

fn plain(client_id: &str, octets: u32) -> Compose<'_> {
    Compose { client_id, save: true, octets, source: None }
}

/// What the message of a vector is: the value of its Mime.
fn message_of(octets: &[u8]) -> Vec<u8> {
    // The tag with content, and OPAQUE.
    let at = memchr::memmem::find(octets, &[C::Mime.token() | 0x40, 0xC3]).unwrap() + 2;
    let (length, size) = if octets[at] < 0x80 {
        (usize::from(octets[at]), 1)
    } else {
        (usize::from(octets[at] & 0x7F) << 7 | usize::from(octets[at + 1]), 2)
    };
    octets[at + size..at + size + length].to_vec()
}

#[test]
fn the_message_stands_between_the_halves_of_the_vectors() {
    let source = |forwards| Some(Source { folder: "5", item: "5:10", forwards });
    for (name, source, id) in [
        ("v60-sendmail-request", None, "mailx-0001"),
        ("v62-smartreply-request", source(false), "mailx-0002"),
        ("v63-smartforward-request", source(true), "mailx-0003"),
    ] {
        let whole = vector(name);
        let message = message_of(&whole);
        let compose = Compose { client_id: id, save: true, octets: message.len() as u32, source };
        let (before, behind) = compose_request(&compose).unwrap();
        let mut whole_of_ours = [before, message, behind].concat();
        if name.contains("forward") {
            // The vector lets the server add the original.
            let at = memchr::memmem::find(&whole_of_ours, &[C::SaveInSentItems.token(), C::ReplaceMime.token()]).unwrap();
            whole_of_ours.remove(at + 1);
        }
        assert_eq!(whole_of_ours, whole, "{name}");
    }
}

#[test]
fn a_long_message_is_announced_and_a_long_client_id_is_refused() {
    let (before, behind) = compose_request(&plain(&"x".repeat(40), u32::MAX)).unwrap();
    assert!(before.ends_with(&[0xC3, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F]), "{before:?}");
    assert_eq!(behind, [1, 1]);
    assert!(matches!(compose_request(&plain(&"x".repeat(41), 1)), Err(EasError::Unencodable(_))));
    assert!(matches!(compose_request(&plain("", 1)), Err(EasError::Unencodable(_))));
}

#[test]
fn an_answer_is_a_status() {
    let read = |command, root, parts: Vec<Node>| compose_response(command, &element(root, parts).write().unwrap(), &mut nothing_skipped);
    let failed = compose_response(Command::SendMail, &vector("v61-sendmail-status120-response"), &mut nothing_skipped).unwrap();
    assert_eq!((failed, failed.remedy()), (Status::Common(CommonStatus::MailSubmissionFailed), Remedy::BackOff));
    let before = read(Command::SmartReply, C::SmartReply, vec![leaf(C::Status, "118")]).unwrap();
    assert!(before.is_done(), "a double is no failure");
    assert_eq!(read(Command::SmartForward, C::SmartForward, vec![leaf(C::Status, "1")]), Ok(Status::Own(SendStatus::Success)));
    assert_eq!(read(Command::SendMail, C::SendMail, vec![]), Err(EasError::Missing(C::Status)));
    assert_eq!(read(Command::SendMail, C::SmartReply, vec![leaf(C::Status, "1")]), Err(EasError::Root(C::SmartReply)));
}
