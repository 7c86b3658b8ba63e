use super::{Before, QUIET, Scenario};
use crate::world::Verb;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a_message_deleted_here_goes_to_the_trash_there",
        user_here: "You delete a message.",
        result: "It is moved to the trash there; and, as in every folder, what is in the trash there is here in the trash.",
        server: "moves=whole",
        here: "delete INBOX/a",
        end: "INBOX: b | Trash: a",
        facts: "deleted_there=1",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_message_deleted_here_is_removed_there_with_expunge_now",
        user_here: "You delete a message, and `expunge = \"now\"`.",
        result: "It is removed there for good.",
        options: "expunge=now",
        here: "delete INBOX/a",
        end: "INBOX: b",
        facts: "deleted_there=1",
        ..QUIET
    },
    Scenario {
        name: "a_message_deleted_here_stays_there_with_expunge_never",
        user_here: "You delete a message, and `expunge = \"never\"`.",
        result: "It stays there, and does not come back here.",
        options: "expunge=never",
        here: "delete INBOX/a",
        end: "INBOX: b",
        end_there: Some("INBOX: a b"),
        facts: "deleted_there=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_deleted_there_is_put_by_here",
        user_there: "A message is deleted.",
        result: "It goes here, too, and is kept for 30 days (`keep-deleted`) in `.mailx/deleted`.",
        there: "delete INBOX/a",
        end: "INBOX: b",
        facts: "deleted_here=1 uploaded=0",
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "a_message_deleted_on_both_sides_is_forgotten",
        user_here: "You delete a message.",
        user_there: "It is deleted, too.",
        result: "Nothing is left to do.",
        here: "delete INBOX/a",
        there: "delete INBOX/a",
        end: "INBOX: b",
        facts: "deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "deletion_here_meets_flag_change_there_deletion_wins",
        user_here: "You delete a message.",
        user_there: "It is flagged.",
        result: "It is deleted.",
        options: "expunge=now",
        here: "delete INBOX/a",
        there: "flag INBOX/a:F",
        end: "INBOX: b",
        ..QUIET
    },
    Scenario {
        name: "deletion_there_meets_flag_change_here_deletion_wins",
        user_here: "You flag a message.",
        user_there: "It is deleted.",
        result: "It goes here, and is kept for a while with the flag.",
        here: "flag INBOX/a:F",
        there: "delete INBOX/a",
        end: "INBOX: b",
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "what_is_deleted_in_the_trash_here_is_removed_there",
        user_here: "You delete a message in the trash.",
        result: "It is removed there for good.",
        agreed: "INBOX: a | Trash: t u",
        here: "delete Trash/t",
        end: "INBOX: a | Trash: u",
        facts: "deleted_there=1",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_to_the_trash_there_is_moved_here",
        user_there: "A message is moved to the trash.",
        result: "It is moved to the trash here, without a download.",
        there: "move INBOX/a Trash",
        end: "INBOX: b | Trash: a",
        facts: "downloaded=0 moved=1 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_server_without_trash_keeps_what_should_go_into_it",
        user_here: "You delete a message; the server has no trash, and `expunge` is not \"now\".",
        result: "It stays there, and the run says so; it does not come back here.",
        server: "trash=no",
        here: "delete INBOX/a",
        end: "INBOX: b",
        end_there: Some("INBOX: a b"),
        gaps: &["delete-trash"],
        facts: "deleted_there=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_server_that_cannot_delete_keeps_everything",
        user_here: "You delete a message; the server can neither remove messages nor has it a trash; `expunge = \"now\"`.",
        result: "It stays there, and the run says so.",
        server: "trash=no now=no",
        options: "expunge=now",
        here: "delete INBOX/a",
        end: "INBOX: b",
        end_there: Some("INBOX: a b"),
        gaps: &["delete-now"],
        facts: "deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "one_of_two_identical_messages_deleted_here_leaves_one",
        user_here: "You delete one of two identical messages.",
        result: "One is left on both sides.",
        options: "expunge=now",
        agreed: "INBOX: a a b",
        here: "delete INBOX/a",
        end: "INBOX: a b",
        facts: "deleted_there=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "one_of_two_identical_messages_deleted_there_leaves_one",
        user_there: "One of two identical messages is deleted.",
        result: "One is left on both sides.",
        agreed: "INBOX: a a b",
        there: "delete INBOX/a",
        end: "INBOX: a b",
        facts: "deleted_here=1 uploaded=0 downloaded=0",
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "what_the_server_never_had_is_not_deleted_by_it",
        user_here: "You have a message that the server takes not.",
        user_there: "Others are deleted.",
        result: "Yours stays.",
        server: "append=no",
        before: &[Before { here: "new INBOX/n", there: "", run: Verb::Sync }],
        there: "delete INBOX/a",
        end: "INBOX: b n",
        end_there: Some("INBOX: b"),
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "a_folder_that_keeps_its_messages_is_named",
        user_here: "You delete a message in a folder that is read-only on the server.",
        result: "It stays there; the run says that the server refuses, and tries again next time.",
        options: "expunge=now",
        here: "delete INBOX/a",
        there: "read-only INBOX",
        end: "INBOX: b",
        end_there: Some("INBOX: a b"),
        trouble: "read-only",
        ..QUIET
    },
    Scenario {
        name: "a_doubtful_listing_deletes_nothing",
        user_there: "The server lists half of a folder, and its own counters say that there is more.",
        result: "Nothing is deleted here.",
        agreed: "INBOX: m*6",
        there: "doubt INBOX",
        end: "INBOX: m*6",
        facts: "deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "after_a_doubtful_listing_all_is_as_before",
        user_there: "The server listed half of a folder in the last run; now it lists all of it, one message was deleted.",
        result: "That one goes here, and no other.",
        agreed: "INBOX: m*6",
        before: &[Before { here: "", there: "doubt INBOX", run: Verb::Sync }],
        there: "no-doubt INBOX; delete INBOX/m3",
        end: "INBOX: m*2 m*4-6",
        facts: "deleted_here=1",
        put_by: "m3",
        ..QUIET
    },
    Scenario {
        name: "ids_that_do_not_stay_delete_nothing_there",
        user_here: "You delete a message; the server does not promise that its ids stay.",
        result: "It stays there, because nothing can be deleted by such ids; it does not come back here.",
        server: "identity=content",
        options: "expunge=now",
        here: "delete INBOX/a",
        end: "INBOX: b",
        end_there: Some("INBOX: a b"),
        facts: "deleted_there=0",
        ..QUIET
    },
];
