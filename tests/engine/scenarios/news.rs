use super::{QUIET, Scenario};

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a_message_that_comes_there_is_downloaded",
        user_there: "A message comes in.",
        result: "It is downloaded.",
        there: "new INBOX/n:S+work",
        end: "INBOX: a b n:S+work",
        facts: "downloaded=1 uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_file_that_comes_here_is_uploaded",
        user_here: "A program puts a message into a folder.",
        result: "It is uploaded, with its flags.",
        here: "new INBOX/n:FS+work",
        end: "INBOX: a b n:FS+work",
        facts: "downloaded=0 uploaded=1",
        ..QUIET
    },
    Scenario {
        name: "news_on_both_sides_are_exchanged",
        user_here: "New messages are put into folders.",
        user_there: "Others come in.",
        result: "Both sides have all of them, each once.",
        agreed: "INBOX: a | Archive: b",
        here: "new INBOX/h*3; new Archive/h4:S",
        there: "new INBOX/t*3; new Archive/t4:S",
        end: "INBOX: a h*3 t*3 | Archive: b h4:S t4:S",
        facts: "downloaded=4 uploaded=4",
        ..QUIET
    },
    Scenario {
        name: "two_identical_files_are_two_messages",
        user_here: "A message is put into a folder twice.",
        result: "There are two of it there.",
        here: "new INBOX/n; new INBOX/n",
        end: "INBOX: a b n n",
        facts: "uploaded=2 downloaded=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "two_identical_messages_are_two_files",
        user_there: "A message comes in twice.",
        result: "There are two files of it.",
        there: "new INBOX/n; new INBOX/n",
        end: "INBOX: a b n n",
        facts: "uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "an_upload_changes_its_flags_there_later",
        user_here: "You read a message that was uploaded before.",
        result: "It is read there: it is the same message.",
        before: &[super::Before { here: "new INBOX/n", there: "", run: crate::world::Verb::Sync }],
        here: "flag INBOX/n:S",
        end: "INBOX: a b n:S",
        facts: "uploaded=0 flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_server_that_takes_no_messages_leaves_them_here",
        user_here: "A message is put into a folder; the server takes none.",
        result: "It stays here, and the run says so.",
        server: "append=no",
        here: "new INBOX/n",
        end: "INBOX: a b n",
        end_there: Some("INBOX: a b"),
        gaps: &["append"],
        facts: "uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_server_that_takes_drafts_only_gets_drafts_only",
        user_here: "A draft and another message are written; the server takes drafts only.",
        result: "The draft is uploaded, the other one stays here, and the run says so.",
        server: "append=drafts",
        agreed: "INBOX: a | Drafts: d:D",
        here: "new INBOX/n; new Drafts/e:D",
        end: "INBOX: a n | Drafts: d:D e:D",
        end_there: Some("INBOX: a | Drafts: d:D e:D"),
        gaps: &["append"],
        facts: "uploaded=1",
        ..QUIET
    },
    Scenario {
        name: "an_upload_leaves_out_flags_that_the_server_cannot_keep",
        user_here: "An answered message with a keyword is put into a folder; the server keeps Read and Flagged only.",
        result: "It is uploaded; what the server cannot keep stays here.",
        server: "push=FS keywords=no",
        here: "new INBOX/n:RS+work",
        end: "INBOX: a b n:RS+work",
        end_there: Some("INBOX: a b n:S"),
        facts: "uploaded=1",
        ..QUIET
    },
    Scenario {
        name: "a_full_mailbox_leaves_new_messages_here",
        user_here: "Messages are put into a folder, and the mailbox on the server is full.",
        result: "They stay here; the run says so; the next one tries again.",
        here: "new INBOX/n*2; flag INBOX/a:S",
        there: "room 2",
        end: "INBOX: a:S b n*2",
        end_there: Some("INBOX: a:S b"),
        trouble: "no space",
        ..QUIET
    },
    Scenario {
        name: "a_folder_that_takes_no_messages_is_named",
        user_here: "A message is put into a folder that is read-only on the server.",
        result: "It stays here, the run names it, and the next one tries again.",
        agreed: "INBOX: a | Shared: b",
        here: "new Shared/n; new INBOX/n",
        there: "read-only Shared",
        end: "INBOX: a n | Shared: b n",
        end_there: Some("INBOX: a n | Shared: b"),
        trouble: "read-only",
        ..QUIET
    },
    Scenario {
        name: "a_message_without_ids_is_not_doubled",
        user_there: "A message comes in on a server whose ids do not stay.",
        result: "It is downloaded once.",
        server: "identity=content",
        there: "new INBOX/n",
        end: "INBOX: a b n",
        facts: "downloaded=1 uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_that_the_server_rewrites_is_one_message",
        user_here: "A message is put into a folder; the server adds a line to what it takes, and tells no id.",
        result: "It is uploaded once, and known again; both sides keep their bytes.",
        server: "append=silent",
        here: "new INBOX/n",
        there: "rewrite",
        end: "INBOX: a b n",
        facts: "uploaded=1 downloaded=0",
        runs: 3,
        ..QUIET
    },
    Scenario {
        name: "a_message_that_the_server_swallows_is_sent_once",
        user_here: "A message is put into a folder; the server says that it took it, and does not show it.",
        result: "It stays here; it is not sent again, and a run says so once.",
        server: "append=silent",
        here: "new INBOX/n",
        there: "swallow",
        end: "INBOX: a b n",
        end_there: Some("INBOX: a b"),
        facts: "uploaded=1",
        runs: 3,
        ..QUIET
    },
];
