use super::{QUIET, Scenario};

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a_folder_made_here_is_made_there",
        user_here: "You make a folder.",
        result: "It is made there.",
        here: "mkdir Lists",
        end: "INBOX: a b | Lists:",
        ..QUIET
    },
    Scenario {
        name: "a_folder_made_there_is_made_here",
        user_there: "A folder is made.",
        result: "It is made here.",
        there: "mkdir Lists",
        end: "INBOX: a b | Lists:",
        ..QUIET
    },
    Scenario {
        name: "a_folder_made_here_with_mail_is_made_and_filled_there",
        user_here: "You make a folder with a message in it.",
        result: "It is made there, and the message uploaded.",
        here: "new Lists/rust/n:S",
        end: "INBOX: a b | Lists: | Lists/rust: n:S",
        facts: "uploaded=1",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_folder_made_there_with_mail_is_made_and_filled_here",
        user_there: "A folder is made, and a message comes into it.",
        result: "Both come here.",
        there: "mkdir Lists; mkdir Lists/rust; new Lists/rust/n:S",
        end: "INBOX: a b | Lists: | Lists/rust: n:S",
        facts: "downloaded=1 uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_renamed_here_is_renamed_there",
        user_here: "You rename a folder with mail in it.",
        result: "It is renamed there; nothing is sent.",
        agreed: "INBOX: a | Old: b c:S",
        here: "mvdir Old Fresh",
        end: "INBOX: a | Fresh: b c:S",
        facts: "uploaded=0 downloaded=0 deleted_there=0 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_renamed_there_is_renamed_here",
        user_there: "A folder with mail in it is renamed.",
        result: "Its messages are in the folder of the new name here; nothing is downloaded.",
        server: "handle=path",
        agreed: "INBOX: a | Old: b c:S",
        there: "mvdir Old Fresh",
        end: "INBOX: a | Fresh: b c:S",
        facts: "uploaded=0 downloaded=0 deleted_there=0 deleted_here=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_folder_renamed_there_whose_name_is_used_again_is_renamed_here",
        user_there: "A folder is renamed, and another one of its old name is made; a message comes into each.",
        result: "The messages are in the folder of the new name here; only what came is downloaded.",
        server: "handle=path",
        agreed: "INBOX: a | Old: b c:S",
        there: "mvdir Old Fresh; mkdir Old; new Old/n; new Fresh/m",
        end: "INBOX: a | Fresh: b c:S m | Old: n",
        facts: "uploaded=0 downloaded=2 deleted_there=0 deleted_here=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_folder_renamed_there_that_keeps_its_handle_is_renamed_here",
        user_there: "A folder that the server knows by a handle is renamed, and a message comes into it.",
        result: "It is renamed here; only that message is downloaded.",
        server: "handle=id",
        agreed: "INBOX: a | Old: b c:S",
        there: "mvdir Old Fresh; new Fresh/n",
        end: "INBOX: a | Fresh: b c:S n",
        facts: "uploaded=0 downloaded=1 deleted_there=0 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_with_folders_in_it_renamed_there_is_renamed_here",
        user_here: "You read a message.",
        user_there: "The folder above the one that it is in is renamed.",
        result: "All of them are renamed here; it is read there, and nothing is downloaded.",
        server: "handle=id",
        agreed: "INBOX: | Old: a | Old/x: b | Old/y: c",
        here: "flag Old/x/b:S",
        there: "mvdir Old Fresh/below",
        end: "INBOX: | Fresh: | Fresh/below: a | Fresh/below/x: b:S | Fresh/below/y: c",
        facts: "uploaded=0 downloaded=0 flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_folder_renamed_on_both_sides_has_the_name_from_here",
        user_here: "You rename a folder.",
        user_there: "It is renamed to something else.",
        result: "The name from here wins; nothing is sent or downloaded.",
        server: "handle=id",
        agreed: "INBOX: a | Old: b c:S",
        here: "mvdir Old Mine",
        there: "mvdir Old Theirs",
        end: "INBOX: a | Mine: b c:S",
        facts: "uploaded=0 downloaded=0 deleted_there=0 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_with_folders_in_it_renamed_here_is_renamed_there",
        user_here: "You rename a folder with folders in it.",
        result: "All of them are renamed there; nothing is sent.",
        agreed: "INBOX: | Old: a | Old/x: b | Old/y: c",
        here: "mvdir Old Fresh",
        end: "INBOX: | Fresh: a | Fresh/x: b | Fresh/y: c",
        facts: "uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "an_empty_folder_removed_here_is_removed_there",
        user_here: "You remove an empty folder.",
        result: "It is removed there.",
        agreed: "INBOX: a b | Old:",
        here: "rmdir Old",
        end: "INBOX: a b",
        ..QUIET
    },
    Scenario {
        name: "an_empty_folder_removed_there_is_removed_here",
        user_there: "An empty folder is removed.",
        result: "It is removed here.",
        agreed: "INBOX: a b | Old:",
        there: "rmdir Old",
        end: "INBOX: a b",
        ..QUIET
    },
    Scenario {
        name: "an_empty_folder_removed_here_and_filled_there_stays",
        user_here: "You remove an empty folder.",
        user_there: "A message comes into it.",
        result: "The folder stays, with the message.",
        agreed: "INBOX: a b | Old:",
        here: "rmdir Old",
        there: "new Old/n",
        end: "INBOX: a b | Old: n",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "an_empty_folder_removed_there_and_filled_here_stays",
        user_here: "You put a message into an empty folder.",
        user_there: "The folder is removed.",
        result: "The folder is made again there, with the message.",
        agreed: "INBOX: a b | Old:",
        here: "new Old/n",
        there: "rmdir Old",
        end: "INBOX: a b | Old: n",
        runs: 3,
        ..QUIET
    },
    Scenario {
        name: "a_folder_with_mail_removed_there_stays_here",
        user_there: "A folder with mail in it is removed.",
        result: "It stays here; the run stops for this folder and says how to go on.",
        agreed: "INBOX: a | Old: b c",
        there: "rmdir Old",
        end: "INBOX: a | Old: b c",
        end_there: Some("INBOX: a"),
        trouble: "guard",
        facts: "deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_with_mail_removed_here_stays_there",
        user_here: "You remove a folder with mail in it.",
        result: "It stays there; the run stops for this folder and says how to go on.",
        agreed: "INBOX: a | Old: b c",
        here: "rmdir Old",
        end: "INBOX: a",
        end_there: Some("INBOX: a | Old: b c"),
        trouble: "guard",
        facts: "deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_that_the_server_does_not_list_loses_nothing",
        user_there: "The server does not list a folder that has mail in it.",
        result: "Everything stays here; the run stops for this folder and says how to go on.",
        agreed: "INBOX: a | Archive: b",
        there: "hide Archive",
        end: "INBOX: a | Archive: b",
        trouble: "guard",
        facts: "deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_folder_that_the_server_lists_again_is_as_before",
        user_here: "You read a message.",
        user_there: "The server did not list its folder in the last run; now it does.",
        result: "It is read there; nothing was lost or doubled.",
        agreed: "INBOX: a | Archive: b",
        before: &[super::Before { here: "", there: "hide Archive", run: crate::world::Verb::Sync }],
        here: "flag Archive/b:S",
        there: "no-hide Archive",
        end: "INBOX: a | Archive: b:S",
        facts: "downloaded=0 uploaded=0 flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_server_whose_folders_cannot_be_changed_gets_no_new_ones",
        user_here: "You make a folder; the server's folders cannot be changed.",
        result: "It stays here, and the run says so.",
        server: "folders=read-only",
        here: "new Lists/n",
        end: "INBOX: a b | Lists: n",
        end_there: Some("INBOX: a b"),
        gaps: &["folder-changes"],
        facts: "uploaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_server_with_an_inbox_only_gets_no_folders",
        user_here: "You make a folder; the server has an INBOX only.",
        result: "It stays here, and the run says so.",
        server: "folders=inbox trash=no",
        here: "new Lists/n; flag INBOX/a:S",
        end: "INBOX: a:S b | Lists: n",
        end_there: Some("INBOX: a:S b"),
        gaps: &["folders"],
        ..QUIET
    },
    Scenario {
        name: "a_directory_of_another_spelling_is_the_folder",
        user_here: "A program makes a directory whose name is an escaped spelling of a folder's, and puts a message into it.",
        result: "It is the folder's directory: the message is uploaded into it.",
        here: "new Foo%41/n",
        end: "INBOX: a b | Foo%41: n",
        end_there: Some("INBOX: a b | FooA: n"),
        facts: "uploaded=1",
        runs: 2,
        ..QUIET
    },
];
