//! The tables: every number, its remedy, and nothing else.

use super::super::{
    CommonStatus, EstimateStatus, FetchStatus, FolderStatus, HttpStatus, Known, MoveStatus, PolicyStatus, ProvisionStatus, Remedy,
    SettingsStatus, Status, SyncStatus,
};

fn codes<T: Known>() -> Vec<u32> {
    let all: Vec<u32> = (0..1000).filter(|code| T::from_code(*code).is_some()).collect();
    for code in &all {
        let status = T::from_code(*code).unwrap();
        assert_eq!(status.code(), *code);
        assert!(!status.meaning().is_empty() && status.meaning().len() < 80);
        assert_eq!(Status::<T>::from_code(*code).remedy(), status.remedy(), "a command's own table goes first");
    }
    all
}

#[test]
fn tables_have_the_standards_numbers() {
    assert_eq!(codes::<SyncStatus>(), [1, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16]);
    assert_eq!(codes::<FolderStatus>(), [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]);
    assert_eq!(codes::<FetchStatus>(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18]);
    assert_eq!(codes::<MoveStatus>(), [1, 2, 3, 4, 5, 7]);
    assert_eq!(codes::<EstimateStatus>(), [1, 2, 3, 4]);
    assert_eq!(codes::<ProvisionStatus>(), [1, 2, 3]);
    assert_eq!(codes::<PolicyStatus>(), [1, 2, 3, 4, 5]);
    assert_eq!(codes::<SettingsStatus>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(codes::<HttpStatus>(), [200, 400, 401, 403, 404, 429, 449, 451, 456, 457, 500, 501, 502, 503, 504, 507]);
    let common: Vec<u32> = (101..=156).chain(164..=172).chain([176, 177, 178, 179, 183, 184]).collect();
    assert_eq!(codes::<CommonStatus>(), common);
}

#[test]
fn remedies_are_those_of_the_recovery_tables() {
    let sync = |code| Status::<SyncStatus>::from_code(code).remedy();
    for (code, remedy) in [
        (1, Remedy::Done),
        (3, Remedy::Restart),
        (4, Remedy::Bug),
        (5, Remedy::BackOff),
        (6, Remedy::Refuse),
        (7, Remedy::TakeTheirs),
        (8, Remedy::Gone),
        (9, Remedy::TellUser),
        (12, Remedy::SyncFolders),
        (13, Remedy::SendAll),
        (14, Remedy::ObeyLimit),
        (15, Remedy::ObeyLimit),
        (16, Remedy::Retry),
        (111, Remedy::BackOff),
        (118, Remedy::Done),
        (129, Remedy::BeLetIn),
        (132, Remedy::RestartAll),
        (138, Remedy::Renegotiate),
        (149, Remedy::SendAll),
        (177, Remedy::BeLetIn),
    ] {
        assert_eq!(sync(code), remedy, "{code}");
    }
    for code in 140..=145 {
        assert_eq!(sync(code), Remedy::Provision, "{code}");
    }
    for code in [0, 2, 10, 11, 17, 100, 157, 185, u32::MAX] {
        assert_eq!((Status::<SyncStatus>::from_code(code), sync(code)), (Status::Unknown(code), Remedy::BackOff));
    }
    assert_eq!(Status::<MoveStatus>::from_code(1).remedy(), Remedy::Gone);
    assert!(Status::<MoveStatus>::from_code(3).is_done() && !Status::<SyncStatus>::from_code(3).is_done());
    assert_eq!(HttpStatus::from_code(449).map(HttpStatus::remedy), Some(Remedy::Provision));
    assert_eq!(HttpStatus::from_code(451).map(HttpStatus::remedy), Some(Remedy::Relocate));
    assert_eq!(HttpStatus::from_code(302), None, "no redirect is followed");
}

#[test]
fn statuses_say_what_they_mean() {
    assert_eq!(Status::<SyncStatus>::from_code(8).to_string(), "status 8 (not found)");
    assert_eq!(Status::<SyncStatus>::from_code(113).to_string(), "status 113 (mailbox full)");
    assert_eq!(Status::<SyncStatus>::from_code(200).to_string(), "status 200");
    assert_eq!(Status::<SyncStatus>::from_code(113).code(), 113);
}
