#![allow(clippy::unwrap_used)]

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;

fn people() -> People {
    People { own: vec![Address::parse("me@example.org").unwrap()], ..People::default() }
}

fn write(compose: &Compose, text: &[u8]) -> Result<Option<Vec<u8>>> {
    let from = Address::parse("me@example.org").unwrap();
    let scratch = std::env::temp_dir();
    let made = Made { from: Some(&from), name: None, id: "<1@example.org>", date: "Thu, 26 Nov 2026 07:00:00 +0000", scratch: &scratch };
    let Some(draft) = compose.draft(&people(), &made, &mut &text[..])? else { return Ok(None) };
    let mut spool = Spool::unnamed(&scratch).unwrap();
    draft.write(&mut spool)?;
    spool.finish().unwrap();
    let (mut file, mut octets) = (spool.into_file(), Vec::new());
    file.rewind().unwrap();
    file.read_to_end(&mut octets).unwrap();
    Ok(Some(octets))
}

fn to(list: &str) -> Compose {
    Compose { to: vec![list.to_owned()], ..Compose::default() }
}

#[test]
fn a_text_is_what_its_type_says() {
    let of = |kind: &str| Compose { kind: Some(kind.into()), ..to("a@b.org") };
    for (kind, said) in [
        ("text/html", "text/html; charset=\"utf-8\""),
        ("TEXT/HTML; charset=UTF-8", "text/html; charset=\"utf-8\""),
        ("text/plain; format=flowed; charset=\"ISO-8859-1\";", "text/plain; charset=\"utf-8\"; format=\"flowed\""),
        ("text/x-diff", "text/x-diff; charset=\"utf-8\""),
    ] {
        let octets = write(&of(kind), "<p>Größe</p>\n".as_bytes()).unwrap().unwrap();
        let text = String::from_utf8(octets.clone()).unwrap();
        assert_eq!(text.matches("Content-Type: ").count(), 1, "{text}");
        let line = text.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap();
        assert_eq!(line.replace('"', ""), said.replace('"', ""), "{kind}");
        let mail = MessageParser::default().parse(&octets).unwrap();
        assert!(String::from_utf8_lossy(mail.part(0).unwrap().contents()).contains("<p>Größe</p>"), "{text}");
    }
    let long = write(&of("text/html"), "<p>a</p>\n".repeat(200_000).as_bytes()).unwrap().unwrap();
    assert!(String::from_utf8_lossy(&long).contains("Content-Type: text/html; charset=\"utf-8\""));
    for (kind, says) in [
        ("multipart/mixed; boundary=x", "multipart/mixed"),
        ("application/pdf", "application/pdf"),
        ("html", "no media type"),
        ("text/html; charset=koi8-r", "koi8-r"),
        ("text/html; charset", "no parameter"),
        ("text/html; x=\"a\r\nBcc: b@c\"", "no parameter"),
        ("text/html\r\nBcc: b@c", "no media type"),
    ] {
        let error = write(&of(kind), b"x").unwrap_err();
        assert_eq!(error.class, Class::BadData, "{kind}");
        assert!(error.failed.contains(says), "{kind}: {}", error.failed);
    }
}

#[test]
fn text_of_any_kind_comes_back() {
    for text in
        ["", "plain\n", "Ünïcödé and a line of \u{1F600}\n", "From here\n.\n", &"long ".repeat(1000), "tab\tand trailing space \n\n\n"]
    {
        let octets = write(&to("a@b.org"), text.as_bytes()).unwrap().unwrap();
        assert!(octets.is_ascii() && memchr::memmem::find(&octets, b"\r\n").is_some());
        assert!(octets.split(|b| *b == b'\n').all(|line| line.len() <= 999), "{text}");
        let mail = MessageParser::default().parse(&octets).unwrap();
        assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), text.trim_end(), "{text}");
    }
    let latin = write(&to("a@b.org"), b"caf\xe9\n").unwrap().unwrap();
    assert_eq!(MessageParser::default().parse(&latin).unwrap().body_text(0).unwrap().trim_end(), "café");
}

#[test]
fn a_long_text_is_streamed_with_its_character_set() {
    for (piece, charset) in [(&"grün\n".repeat(400_000).into_bytes()[..], "utf-8"), (&b"gr\xfcn\n".repeat(400_000)[..], "iso-8859-1")] {
        let octets = write(&to("a@b.org"), piece).unwrap().unwrap();
        let mail = MessageParser::default().parse(&octets).unwrap();
        assert_eq!(mail.part(1).unwrap().content_type().unwrap().attribute("charset"), Some(charset));
        assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), "grün\n".repeat(400_000));
    }
}

#[test]
fn row_78_what_would_become_a_line_of_the_header_is_refused() {
    let bad = "x\r\nBcc: y@z";
    let cases: [Compose; 9] = [
        to(bad),
        Compose { subject: Some(bad.into()), ..to("a@b.org") },
        Compose { subject: Some("a\0b".into()), ..to("a@b.org") },
        Compose { cc: vec![bad.into()], ..to("a@b.org") },
        Compose { from: Some(format!("{bad} <me@example.org>")), ..to("a@b.org") },
        Compose { headers: vec![("X-A".into(), bad.into())], ..to("a@b.org") },
        Compose { headers: vec![("X-A: b\r\nX".into(), "c".into())], ..to("a@b.org") },
        Compose { headers: vec![("Content-Type".into(), "text/x".into())], ..to("a@b.org") },
        Compose { subject: Some("a\u{2028}b".into()), ..to("a@b.org") },
    ];
    for case in cases {
        assert!(write(&case, b"x").is_err_and(|e| e.class == Class::BadData), "{case:?}");
    }
    // Escape sequences within encoded words are only text.
    let octets = write(&Compose { subject: Some("=?utf-8?q?a=0D=0ABcc:_x?=".into()), ..to("a@b.org") }, b"x").unwrap().unwrap();
    assert!(memchr::memmem::find(&octets, b"\r\nBcc").is_none());
}

#[test]
fn attachments_have_their_names_and_types() {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("Bäricht \"1\".pdf");
    std::fs::write(&path, [0, 13, 10, 255]).unwrap();
    let typed = Attachment::parse(std::ffi::OsStr::new("/a;b/x.bin;image/png"));
    assert_eq!((typed.path, typed.media.as_deref()), ("/a;b/x.bin".into(), Some("image/png")));
    assert_eq!(Attachment::parse(std::ffi::OsStr::new("/a;b c/x")).media, None);
    let attach = Attachment { path: path.clone(), media: None };
    let octets = write(&Compose { attachments: vec![attach.clone(), attach], ..to("a@b.org") }, b"x\n").unwrap().unwrap();
    let mail = MessageParser::default().parse(&octets).unwrap();
    assert_eq!(mail.attachment_count(), 2);
    let first = mail.attachment(0).unwrap();
    assert_eq!((first.attachment_name(), first.contents()), (Some("Bäricht \"1\".pdf"), &[0, 13, 10, 255][..]));
    assert_eq!(first.content_type().unwrap().subtype(), Some("pdf"));
    let evil = tmp.path().join("a\nBcc: x");
    std::fs::write(&evil, "x").unwrap();
    let evil = Compose { attachments: vec![Attachment { path: evil, media: None }], ..to("a@b.org") };
    assert_eq!(write(&evil, b"x").unwrap_err().class, Class::BadData);
    let gone = Compose { attachments: vec![Attachment { path: "/nonexistent".into(), media: None }], ..to("a@b.org") };
    assert_eq!(write(&gone, b"x").unwrap_err().class, Class::NotFound);
}

#[test]
fn nothing_is_made_of_no_text_where_none_is_wanted() {
    assert!(write(&Compose { skip_empty: true, ..to("a@b.org") }, b"").unwrap().is_none());
    assert!(write(&Compose { skip_empty: true, ..to("a@b.org") }, b"x").unwrap().is_some());
}
