//! Flags, keywords, new/ and cur/.

use crate::world;

#[test]
fn flags_become_letters_and_choose_the_place() {
    let Some(w) = world("flags") else { return };
    let cases = [
        ("", "new", ""),
        ("\\Seen", "cur", "S"),
        ("\\Answered \\Seen", "cur", "RS"),
        ("\\Draft \\Flagged \\Answered \\Seen \\Deleted", "cur", "DFRST"),
        ("$Forwarded", "cur", "P"),
        ("\\Flagged", "cur", "F"),
    ];
    for (n, (flags, ..)) in cases.iter().enumerate() {
        w.server.append(&w.user, "INBOX", format!("Subject: {n}\r\n\r\n{n}\r\n").as_bytes(), flags, 1_700_000_000 + n as i64);
    }
    w.fetch(0, &[]);
    let mut mail = w.mail();
    mail.sort_by_key(|m| m.mtime);
    let got: Vec<_> = mail.iter().map(|m| (m.place, m.letters.as_str())).collect();
    let wanted: Vec<_> = cases.iter().map(|(_, place, letters)| (*place, *letters)).collect();
    assert_eq!(got, wanted);
}

#[test]
fn keywords_are_letters_that_dovecot_keywords_explains() {
    let Some(w) = world("keywords") else { return };
    let all: Vec<String> = (0..30).map(|n| format!("kw{n:02}")).collect();
    w.server.append(&w.user, "INBOX", b"Subject: a\r\n\r\na\r\n", "\\Seen Work", 1_700_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: b\r\n\r\nb\r\n", "Work $Label1", 1_700_000_001);
    w.server.append(&w.user, "INBOX", b"Subject: c\r\n\r\nc\r\n", &all.join(" "), 1_700_000_002);
    w.fetch(0, &[]);
    let table = std::fs::read_to_string(w.root.join("INBOX/dovecot-keywords")).unwrap();
    let letter = |keyword: &str| {
        let line =
            table.lines().find(|l| l.split_once(' ').is_some_and(|(_, k)| k == keyword)).unwrap_or_else(|| panic!("{keyword}: {table}"));
        char::from(b'a' + line.split_once(' ').unwrap().0.parse::<u8>().unwrap())
    };
    let mut mail = w.mail();
    mail.sort_by_key(|m| m.mtime);
    assert_eq!(mail[0].letters, format!("S{}", letter("Work")));
    let mut both = [letter("Work"), letter("$Label1")];
    both.sort_unstable();
    assert_eq!(mail[1].letters, both.iter().collect::<String>());
    assert_eq!(mail[1].place, "cur", "a keyword is a flag, too");
    // 26 letters in all; the others are in the state.
    assert_eq!(table.lines().count(), 26);
    assert_eq!(mail[2].letters.len(), 24);
    assert!(mail[2].letters.chars().all(|c| c.is_ascii_lowercase()));
}
