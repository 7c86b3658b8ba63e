//! Commands as they go out.

use super::super::*;

fn line(command: &Command<'_>) -> String {
    String::from_utf8(command.encode().unwrap()).unwrap()
}

#[test]
fn commands_are_spelled_as_the_rfcs_do() {
    assert_eq!(line(&Command::Capa), "CAPA\r\n");
    assert_eq!(line(&Command::Top(3)), "TOP 3 0\r\n");
    assert_eq!(line(&Command::Retr(4_294_967_295)), "RETR 4294967295\r\n");
    assert_eq!(line(&Command::Dele(1)), "DELE 1\r\n");
    assert_eq!(line(&Command::User("recent:me@example.org")), "USER recent:me@example.org\r\n");
    assert_eq!(line(&Command::Pass("two words ")), "PASS two words \r\n");
    let digest = "c4c9334bac560ecc979e58001b3e22fb";
    assert_eq!(line(&Command::Apop { user: "mrose", digest }), "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n");
    assert_eq!(line(&Command::Auth { mechanism: "XOAUTH2", initial: None }), "AUTH XOAUTH2\r\n");
    assert_eq!(line(&Command::Auth { mechanism: "EXTERNAL", initial: Some(b"") }), "AUTH EXTERNAL =\r\n");
    assert_eq!(line(&Command::Auth { mechanism: "PLAIN", initial: Some(b"\0test\0test") }), "AUTH PLAIN AHRlc3QAdGVzdA==\r\n");
    assert_eq!(sasl_line(b""), b"\r\n");
    assert_eq!(sasl_line(b"hi"), b"aGk=\r\n");
}

#[test]
fn no_argument_can_end_a_line_or_begin_another() {
    for evil in ["a\r\nDELE 1", "a\nb", "a\rb", "a\0b", ""] {
        assert!(Command::User(evil).encode().is_err(), "{evil:?}");
        assert!(Command::Pass(evil).encode().is_err(), "{evil:?}");
        assert!(Command::Apop { user: evil, digest: "x" }.encode().is_err(), "{evil:?}");
    }
    assert!(Command::Apop { user: "a b", digest: "x" }.encode().is_err());
}

#[test]
fn debug_output_shows_no_secret() {
    let shown = format!("{:?} {:?}", Command::Pass("hunter2"), Command::Auth { mechanism: "PLAIN", initial: Some(b"hunter2") });
    assert_eq!(shown, "PASS … AUTH PLAIN …");
    assert_eq!(format!("{:?}", Command::Retr(7)), "RETR 7");
}

#[test]
fn a_long_token_goes_on_a_line_of_its_own() {
    assert!(Command::fits("PLAIN", &[b'x'; 99]));
    assert!(!Command::fits("XOAUTH2", &[b'x'; 2000]));
    for length in 0..300 {
        let initial = vec![b'x'; length];
        let whole = Command::Auth { mechanism: "PLAIN", initial: Some(&initial) }.encode().unwrap();
        assert_eq!(Command::fits("PLAIN", &initial), whole.len() <= 255, "{length}");
    }
}
