//! Queries, versions, commands, device.

use super::super::{Command, CommandSet, DeviceId, DeviceType, EasError, Parameter, Query, Version, retry_after};
use super::read;

fn query<'a>(id: &'a DeviceId, kind: &'a DeviceType) -> Query<'a> {
    Query {
        command: Command::Sync,
        version: Version::V14_1,
        device_id: id,
        device_type: kind,
        locale: Query::ENGLISH,
        policy_key: None,
        parameters: &[],
        save_in_sent: false,
        accept_multipart: false,
    }
}

#[test]
fn base64_queries_are_the_vectors() {
    let table = read("base64-query.tsv");
    let rows: Vec<Vec<&str>> = table.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 9);
    for row in rows {
        let (id, kind) = (DeviceId::new(row[3]).unwrap(), DeviceType::new(row[5]).unwrap());
        let parameter = |name| match name {
            "AttachmentName" => Parameter::AttachmentName,
            "CollectionId" => Parameter::CollectionId,
            "ItemId" => Parameter::ItemId,
            "LongId" => Parameter::LongId,
            "User" => Parameter::User,
            other => panic!("{other}"),
        };
        let pairs: Vec<(&str, &str)> = row[6].split(';').filter_map(|pair| pair.split_once('=')).collect();
        let options: u8 = pairs.iter().find(|(name, _)| *name == "Options").map_or(0, |(_, bits)| bits.parse().unwrap());
        let parameters: Vec<(Parameter, &str)> =
            pairs.iter().filter(|(name, _)| *name != "Options").map(|(name, value)| (parameter(name), *value)).collect();
        let query = Query {
            command: Command::ALL.into_iter().find(|command| command.name() == row[1]).unwrap(),
            version: Version::from_text(row[0]).unwrap(),
            locale: u16::from_str_radix(row[2].trim_start_matches("0x"), 16).unwrap(),
            policy_key: (!row[4].is_empty()).then(|| row[4].parse().unwrap()),
            parameters: &parameters,
            save_in_sent: options & 1 != 0,
            accept_multipart: options & 2 != 0,
            ..query(&id, &kind)
        };
        assert_eq!(query.base64().unwrap(), row[7], "{row:?}");
    }
}

#[test]
fn plain_queries_are_escaped() {
    let (id, kind) = (DeviceId::new("MAILX01").unwrap(), DeviceType::new("mailx").unwrap());
    let parameters = [(Parameter::CollectionId, "mail%2Fa b"), (Parameter::ItemId, "5:10"), (Parameter::User, "x")];
    let query = Query { command: Command::SmartReply, parameters: &parameters, save_in_sent: true, ..query(&id, &kind) };
    let wanted = "Cmd=SmartReply&User=ANY%5Cj%C3%B6e%2B%26%40example.org&DeviceId=MAILX01&DeviceType=mailx\
                  &CollectionId=mail%252Fa%20b&ItemId=5%3A10&SaveInSent=T";
    assert_eq!(query.plain("ANY\\jöe+&@example.org"), wanted);
}

#[test]
fn a_parameter_that_no_octet_can_count_is_refused() {
    let (id, kind) = (DeviceId::new("A").unwrap(), DeviceType::new("mailx").unwrap());
    let long = "x".repeat(256);
    let with = |value| Query { parameters: &[(Parameter::LongId, value)], ..query(&id, &kind) }.base64().map(|text| text.len());
    assert!(with(&long[..255]).is_ok());
    assert!(matches!(with(&long), Err(EasError::Unencodable(_))));
}

#[test]
fn device_names_are_letters_and_digits() {
    for fine in ["A", "MAILX0123456789ABCDEF", &"a1".repeat(16)] {
        assert_eq!(DeviceId::new(fine).unwrap().as_str(), fine);
        assert_eq!(DeviceType::new(fine).unwrap().as_str(), fine);
    }
    for wrong in ["", "a,b", "a b", "ü", "a\r\nCookie: x", "a&Cmd=x", &"a".repeat(33)] {
        assert!(DeviceId::new(wrong).is_err() && DeviceType::new(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_best_common_version_is_chosen() {
    for (header, best) in [
        ("2.5,12.0,12.1,14.0,14.1", Some(Version::V14_1)),
        ("2.0,2.5,12.0,12.1,14.0,14.1,16.0,16.1", Some(Version::V16_1)),
        ("16.0 , 12.1", Some(Version::V16_0)),
        ("14.0", Some(Version::V14_0)),
        ("12.1,16.2,17.0", Some(Version::V12_1)),
        ("1.0,2.5,12.0", None),
        ("", None),
        ("14.10,114.1,14.1x,NaN", None),
    ] {
        assert_eq!(Version::best(header), best, "{header}");
    }
    assert!(Version::ALL.is_sorted_by(|a, b| a > b));
    assert_eq!(Version::ALL.map(Version::code), [161, 160, 141, 140, 121]);
    assert_eq!(Version::V12_1.to_string(), "12.1");
}

#[test]
fn listed_commands_are_known_by_name() {
    // As SOGo 5.8 lists them.
    let sogo = "Sync,SendMail,SmartForward,SmartReply,GetAttachment,GetHierarchy,CreateCollection,DeleteCollection,MoveCollection,FolderSync,\
                FolderCreate,FolderDelete,FolderUpdate,MoveItems,GetItemEstimate,MeetingResponse,Search,Settings,Ping,ItemOperations,\
                ResolveRecipients,ValidateCert";
    let commands = CommandSet::from_header(sogo);
    let missing: Vec<Command> = Command::ALL.into_iter().filter(|command| !commands.contains(*command)).collect();
    assert_eq!(missing, [Command::Provision, Command::Find]);
    assert!(CommandSet::from_header(" sync , PING").contains(Command::Ping));
    assert_eq!(CommandSet::from_header("Syncs,,x"), CommandSet::default());
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = 784_111_777;
    for (value, wait) in [
        ("0", Some(0)),
        (" 120 ", Some(120)),
        ("999999999999999999999999", Some(u64::MAX)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
    ] {
        assert_eq!(retry_after(value, now), wait, "{value}");
    }
}
