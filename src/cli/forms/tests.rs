#![allow(clippy::unwrap_used)]

use super::*;

fn ours(words: &str) -> Option<String> {
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    translate(&words).unwrap().map(|words| words.iter().map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "))
}

fn refused(words: &str) -> bool {
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    translate(&words).is_err()
}

#[test]
fn sendmail_as_programs_call_it() {
    for (theirs, mine) in [
        // cron, PHP, mutt, git send-email.
        ("/usr/sbin/sendmail -FCronDaemon -i -B8BITMIME -oem root", "-F CronDaemon -- root"),
        ("sendmail -t -i", "-t --"),
        ("sendmail -oem -oi -f me@x -- a@b c@d", "-f me@x -- a@b c@d"),
        ("sendmail -i -f me@x a@b", "-f me@x -- a@b"),
        ("sendmail -fme@x -bm a@b", "-f me@x -- a@b"),
        ("sendmail -f <> a@b", "-f <> -- a@b"),
        ("sendmail -N success,failure -R hdrs -V id1 a@b", "--dsn=success,failure --dsn-return=hdrs --dsn-id=id1 -- a@b"),
        ("sendmail -ti -odb -- -odd@x", "-t -- -odd@x"),
    ] {
        assert_eq!(ours(theirs).unwrap(), format!("mailx send --form sendmail {mine}"), "{theirs}");
    }
    assert_eq!(ours("sendmail -bp").unwrap(), "mailx outbox list");
    assert_eq!(ours("sendmail -q").unwrap(), "mailx send --flush");
    assert_eq!(ours("sendmail -q30m -v").unwrap(), "mailx send --flush");
    assert!(refused("sendmail -bs") && refused("sendmail -f") && refused("sendmail -Z"));
}

#[test]
fn posix_mailx_as_scripts_call_it() {
    for (theirs, mine) in [
        ("mailx -s ok ops@example.org", "--subject=ok -- ops@example.org"),
        ("mailx -sok root", "--subject=ok -- root"),
        ("mailx -Es -x- root", "--skip-empty --subject=-x- -- root"),
        ("mailx a@b -s late", "--subject=late -- a@b"),
        ("mailx -s x -c c@d -b e@f -r me@x -A work a@b", "--subject=x --cc=c@d --bcc=e@f --account=work --from=me@x -- a@b"),
        ("mailx -a /etc/passwd -s x a@b", "--attach=/etc/passwd --subject=x -- a@b"),
        ("mailx -n -q /etc/passwd a@b", "--body-file=/etc/passwd -- a@b"),
        ("mailx -q /etc/passwd a@b", "--body-file=/etc/passwd -- a@b"),
        ("mail root", "-- root"),
        ("mailx -- root", "-- root"),
    ] {
        assert_eq!(ours(theirs).unwrap(), format!("mailx send --form mailx {mine}"), "{theirs}");
    }
    let words = ["mailx", "-a", "X-Test: y", "a@b"].map(OsString::from);
    assert_eq!(translate(&words).unwrap().unwrap()[4], "--header=X-Test: y");
    // Fields that an option stands for; -r says more than a field, whatever comes first.
    for (field, mine) in [
        ("From: Me <me@x>", "--from=Me <me@x>"),
        ("content-TYPE: text/html; charset=utf-8", "--content-type=text/html; charset=utf-8"),
        ("Reply-To: c@d", "--reply-to=c@d"),
        ("Bcc: c@d", "--bcc=c@d"),
        ("MIME-Version: 1.0", "--header=MIME-Version: 1.0"),
    ] {
        let words = ["mailx", "-a", field, "a@b"].map(OsString::from);
        assert_eq!(translate(&words).unwrap().unwrap()[4], mine);
    }
    let words = ["mailx", "-a", "From: c@d", "-r", "me@x", "a@b"].map(OsString::from);
    assert_eq!(translate(&words).unwrap().unwrap()[4..], ["--from=me@x", "--", "a@b"].map(OsString::from));
    assert!(refused("mailx -s") && refused("mail -f") && refused("mailx -s x -Z a@b"));
}

#[test]
fn our_own_command_line_stays_ours() {
    for words in [
        "mailx",
        "mailx fetch",
        "mailx -q fetch work",
        "mailx -v sync",
        "mailx --json status",
        "mailx imaps://me@h /d",
        "mailx fecth",
        "mailx -h",
        "mailx -V",
        "mailx -vv",
    ] {
        assert_eq!(ours(words), None, "{words}");
    }
}
