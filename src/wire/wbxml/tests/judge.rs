//! libwbxml's `wbxml2xml` as the judge of what we write and of how we name it.

use std::io::Write as _;
use std::process::Command;

use super::table::rows;
use super::xml::{self, Element};
use super::{from_hex, read, vector_names};

#[path = "../../../../tests/support/skip.rs"]
mod skip;

/// Elements that are younger than the library's tables: 0.11.8, Debian 12's, knows none of these.
const UNKNOWN_TO_LIBWBXML: [&str; 3] = ["AccountOnlyRemoteWipe", "ProposedStartTime", "xmlns=\"Find\""];

/// `http://synce.org/formats/airsync_wm5/folderhierarchy` there.
fn page_name(namespace: &str) -> &str {
    match namespace.rsplit('/').next().unwrap() {
        "itemestimate" => "getitemestimate",
        name => name,
    }
}

/// How the library may spell an element: as we do, or in one of the ways of the column of aliases, `FlagStatus(LlT)`. It knows
/// several names of some tokens, so the letters of the sources do not decide.
fn is_name(page: &str, element: &str, theirs: &str) -> bool {
    let row = rows().iter().find(|row| row.1 == page && row.3 == element).unwrap();
    let alias = |alias: &String| alias.split_once('(').is_some_and(|(name, _)| name == theirs);
    element == theirs || row.4.iter().any(alias)
}

fn compare(name: &str, ours: &Element, theirs: &Element) {
    assert_eq!(ours.namespace.to_lowercase(), page_name(&theirs.namespace), "{name}: {}", ours.name);
    assert!(is_name(&ours.namespace, &ours.name, &theirs.name), "{name}: {} is {} there", ours.name, theirs.name);
    assert_eq!(ours.text.trim(), theirs.text.trim(), "{name}: {}", ours.name);
    assert_eq!(ours.children.len(), theirs.children.len(), "{name}: {}", ours.name);
    ours.children.iter().zip(&theirs.children).for_each(|(a, b)| compare(name, a, b));
}

#[test]
fn libwbxml_reads_what_we_write() {
    if Command::new("wbxml2xml").output().is_err() {
        return skip::skip("wbxml2xml (libwbxml2-utils) is not installed");
    }
    let mut judged = 0;
    for name in vector_names() {
        let text = read(&format!("{name}.xml"));
        if UNKNOWN_TO_LIBWBXML.iter().any(|word| text.contains(word)) {
            continue;
        }
        let ours = xml::parse(&text);
        let written = ours.to_node().write().unwrap();
        assert_eq!(written, from_hex(&read(&format!("{name}.hex"))));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&written).unwrap();
        let output = Command::new("wbxml2xml").args(["-l", "AIRSYNC", "-m", "0", "-k", "-o", "-"]).arg(file.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let document = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && document.contains("<?xml"), "{name}: {said}");
        compare(&name, &ours, &xml::parse(&document[document.find("<?xml").unwrap()..]));
        judged += 1;
    }
    assert_eq!(judged, 72, "all vectors but those of 16.1's elements");
}
