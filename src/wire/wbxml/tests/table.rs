//! `tokens.rs` is what `codepages.tsv` says. `MAILX_BLESS=1 cargo test --lib wbxml::tests::table` rewrites it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use super::super::tag::{FIRST, LAST, Tag};
use super::page;

/// Page, its name, token, element, and the element's names in other tables: `FlagStatus(LlT)`.
pub(super) type Row = (u8, String, u8, String, Vec<String>);

pub(super) fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(read);
    &ROWS
}

fn read() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/wbxml/codepages.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let row = |c: Vec<&str>| {
        let token = u8::from_str_radix(c[2].strip_prefix("0x").unwrap(), 16).unwrap();
        (c[0].parse().unwrap(), c[1].to_owned(), token, c[3].to_owned(), c[7].split(' ').map(str::to_owned).collect())
    };
    lines.map(row).collect()
}

fn generated() -> String {
    let mut text = String::from(
        "//! The code pages of MS-ASWBXML 2.1.2.1, generated from `codepages.tsv`, which names its sources.\n\
         //! `MAILX_BLESS=1 cargo test --lib wbxml::tests::table` writes this file.\n\n\
         use super::tag::{Names, names, pages};\n\npages! {\n",
    );
    let mut at = None;
    let mut width = 0;
    for (page, name, token, element, _) in rows() {
        if at != Some(page) {
            text += if at.is_some() { "\n    }\n" } else { "" };
            write!(text, "    {page} {name} {{").unwrap();
            (at, width) = (Some(page), usize::MAX);
        }
        let item = format!("{element} = {token:#04x},");
        if width.saturating_add(item.len()) > 130 {
            text += "\n       ";
            width = 7;
        }
        width += item.len() + 1;
        write!(text, " {item}").unwrap();
    }
    text + "\n    }\n}\n"
}

#[test]
fn the_generated_table_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/wbxml/tokens.rs");
    if std::env::var_os("MAILX_BLESS").is_some() {
        std::fs::write(&path, generated()).unwrap();
        return;
    }
    let fresh = std::fs::read_to_string(&path).unwrap() == generated();
    assert!(fresh, "{} is out of date: run MAILX_BLESS=1 cargo test --lib wbxml::tests::table", path.display());
}

/// The constants above are made by the compiler; this reads them back through their names.
#[test]
fn every_row_has_its_name_and_nothing_else_has_one() {
    let rows = rows();
    assert_eq!(rows.len(), 655);
    let known: BTreeSet<(u8, u8)> = rows.iter().map(|row| (row.0, row.2)).collect();
    assert_eq!(known.len(), rows.len(), "a token stands twice");
    for (page, page_name, token, element, _) in rows {
        let tag = Tag::new(*page, *token);
        assert_eq!((tag.page_name(), tag.name()), (Some(page_name.as_str()), Some(element.as_str())));
        assert_eq!(tag.to_string(), format!("{page_name}:{element}"));
    }
    for page in 0..=u8::MAX {
        for token in FIRST..=LAST {
            assert_eq!(Tag::new(page, token).name().is_some(), known.contains(&(page, token)));
        }
    }
}

#[test]
fn constants_are_the_standards_numbers() {
    assert_eq!((page::AirSync::SyncKey.page(), page::AirSync::SyncKey.token()), (0, 0x0B));
    assert_eq!((page::Provision::AccountOnlyRemoteWipe.page(), page::Provision::AccountOnlyRemoteWipe.token()), (14, 0x3B));
    assert_eq!(Tag::new(99, 0x2A).to_string(), "99:0x2a");
    assert_eq!(Tag::new(0, 0x3F).to_string(), "AirSync:0x3f");
}
