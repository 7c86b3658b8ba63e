//! FolderSync and the three edits.

use super::super::{
    CommonStatus, EasError, Folder, FolderChange, FolderEdit, FolderStatus, FolderType, Remedy, Status, folder_edited, folder_sync_request,
    folder_sync_response,
};
use super::{element, leaf, nothing_skipped, vector};
use crate::wire::wbxml::tests::from_hex;
use crate::wire::wbxml::tests::node::Node;
use crate::wire::wbxml::{Tag, WbxmlError, page::FolderHierarchy as F};

fn folder(id: &str, parent: &str, name: &str, kind: FolderType) -> Folder {
    Folder { id: id.into(), parent: parent.into(), name: name.into(), kind }
}

fn decode(name: &str) -> super::super::FolderSync {
    folder_sync_response(&vector(name), &mut nothing_skipped).unwrap()
}

#[test]
fn requests_are_the_vectors() {
    assert_eq!(folder_sync_request("0").unwrap(), vector("v12-foldersync-initial-request"));
    for (edit, key, name) in [
        (FolderEdit::Create { parent: "0", name: "Projects" }, "2", "v18-foldercreate-request"),
        (FolderEdit::Update { id: "21", parent: "5", name: "Old projects" }, "3", "v20-folderupdate-request"),
        (FolderEdit::Delete { id: "21" }, "4", "v22-folderdelete-request"),
    ] {
        assert_eq!(edit.encode(key).unwrap(), vector(name), "{name}");
    }
    let nul = FolderEdit::Create { parent: "0", name: "a\0b" }.encode("1");
    assert_eq!(nul, Err(EasError::Wbxml(WbxmlError::Nul(F::DisplayName))));
}

#[test]
fn a_first_answer_has_all_folders() {
    let found = decode("v13-foldersync-initial-response");
    assert_eq!((found.status, found.key.as_deref()), (Status::Own(FolderStatus::Success), Some("1")));
    let wanted = [
        folder("5", "0", "Inbox", FolderType::Inbox),
        folder("3", "0", "Drafts", FolderType::Drafts),
        folder("4", "0", "Deleted Items", FolderType::DeletedItems),
        folder("9", "0", "Sent Items", FolderType::SentItems),
        folder("14", "5", "Geschäft", FolderType::Mail),
    ];
    assert_eq!(found.changes, wanted.map(FolderChange::Add));
}

#[test]
fn later_answers_have_changes() {
    assert_eq!(decode("v14-foldersync-nochange-response").changes, []);
    let wanted = [FolderChange::Update(folder("14", "0", "Work", FolderType::Mail)), FolderChange::Delete("17".into())];
    assert_eq!(decode("v15-foldersync-changes-response").changes, wanted);
}

#[test]
fn failures_have_no_key() {
    let found = decode("v16-foldersync-status9-response");
    assert_eq!((found.status.remedy(), found.key), (Remedy::RestartFolders, None));
    let found = decode("v17-foldersync-status142-response");
    assert_eq!((found.status, found.status.remedy()), (Status::Common(CommonStatus::DeviceNotProvisioned), Remedy::Provision));
}

#[test]
fn edits_are_answered() {
    let edited = |edit, name| folder_edited(edit, &vector(name), &mut nothing_skipped).unwrap();
    let created = edited(FolderEdit::Create { parent: "0", name: "Projects" }, "v19-foldercreate-response");
    assert!(created.status.is_done());
    assert_eq!((created.key.as_deref(), created.id.as_deref()), (Some("3"), Some("21")));
    let updated = edited(FolderEdit::Update { id: "21", parent: "5", name: "x" }, "v21-folderupdate-response");
    assert_eq!((updated.key.as_deref(), updated.id), (Some("4"), None));
    let deleted = edited(FolderEdit::Delete { id: "21" }, "v23-folderdelete-status4-response");
    assert_eq!((deleted.status, deleted.key), (Status::Own(FolderStatus::NotFound), None));
    let other = folder_edited(FolderEdit::Delete { id: "21" }, &vector("v21-folderupdate-response"), &mut nothing_skipped);
    assert_eq!(other, Err(EasError::Root(F::FolderUpdate)));
}

fn sync(parts: Vec<Node>) -> Result<super::super::FolderSync, EasError> {
    folder_sync_response(&element(F::FolderSync, parts).write().unwrap(), &mut nothing_skipped)
}

fn add(fields: &[(Tag, &str)]) -> Node {
    element(F::Changes, vec![element(F::Add, fields.iter().map(|(tag, text)| leaf(*tag, text)).collect())])
}

#[test]
fn what_must_be_there_is_there() {
    let full = [(F::Type, "99"), (F::DisplayName, ""), (F::ParentId, "0"), (F::ServerId, "1")];
    let with = |fields: &[(Tag, &str)]| sync(vec![add(fields), leaf(F::SyncKey, "k"), leaf(F::Status, "1")]);
    let wanted = FolderChange::Add(folder("1", "0", "", FolderType::Other(99)));
    assert_eq!(with(&full).unwrap().changes, [wanted], "in any order");
    for left_out in 0..4 {
        let fields: Vec<(Tag, &str)> = full.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, field)| *field).collect();
        assert_eq!(with(&fields), Err(EasError::Missing(full[left_out].0)));
    }
    assert_eq!(with(&[(F::ServerId, "")]), Err(EasError::Malformed(F::ServerId)));
    assert_eq!(with(&[(F::ServerId, &"x".repeat(1025))]), Err(EasError::Malformed(F::ServerId)));
    assert!(with(&[(F::ServerId, &"x".repeat(1024)), full[0], full[1], full[2]]).is_ok());
    assert_eq!(sync(vec![leaf(F::Status, "1")]), Err(EasError::Missing(F::SyncKey)));
    assert_eq!(sync(vec![leaf(F::SyncKey, "1")]), Err(EasError::Missing(F::Status)));
}

/// Names are kept as they come: what becomes of slashes and controls is the store's business.
#[test]
fn names_are_not_touched_and_what_is_no_utf8_is_replaced() {
    let octets =
        from_hex("03016a00 000756 4c033100 01 52036b00 01 4e 4f 48033100 01 49033000 01 4a033200 01 47 03 412fff07 00 01 01 01 01");
    let found = folder_sync_response(&octets, &mut nothing_skipped).unwrap();
    assert_eq!(found.changes, [FolderChange::Add(folder("1", "0", "A/\u{fffd}\u{7}", FolderType::Inbox))]);
}

#[test]
fn unknown_elements_are_noted() {
    let octets = from_hex("03016a00 000756 4c033100 01 52036b00 01 7e037800 01 006345034100 01 0007 01");
    let mut skipped = Vec::new();
    let found = folder_sync_response(&octets, &mut |tag| skipped.push(tag)).unwrap();
    assert!(found.status.is_done());
    assert_eq!(skipped, [Tag::new(7, 0x3E), Tag::new(99, 0x05)]);
}

#[test]
fn folders_are_bounded() {
    let mut many: Vec<Node> = Vec::new();
    many.resize(50_001, element(F::Delete, vec![leaf(F::ServerId, "1")]));
    let answer = |many: Vec<Node>| sync(vec![leaf(F::Status, "1"), leaf(F::SyncKey, "1"), element(F::Changes, many)]);
    assert_eq!(answer(many.clone()), Err(EasError::TooMany("folders")));
    many.pop();
    assert_eq!(answer(many).unwrap().changes.len(), 50_000);
}
