use super::{Before, QUIET, Scenario};
use crate::world::Verb;

const MOVED: &str = "uploaded=0 downloaded=0 deleted_here=0 deleted_there=0";

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a_file_moved_here_is_moved_there",
        user_here: "You move a message to another folder (the file keeps its name).",
        result: "It is moved there; nothing is sent.",
        agreed: "INBOX: a b | Archive:",
        here: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_file_moved_here_under_another_name_is_moved_there",
        user_here: "You move a message with a program that gives the file another name (mutt).",
        result: "It is known by its bytes, and moved there; nothing is sent.",
        agreed: "INBOX: a b | Archive:",
        here: "mutt INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_there_is_moved_here",
        user_there: "A message is moved to another folder.",
        result: "Its file is moved here; nothing is downloaded.",
        agreed: "INBOX: a b | Archive:",
        there: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "messages_moved_around_here_end_where_they_are",
        user_here: "You move three messages in a circle between folders.",
        result: "They are moved there in the same way.",
        agreed: "INBOX: a | A: b | B: c",
        here: "move INBOX/a A; move A/b B; move B/c INBOX",
        end: "INBOX: c | A: a | B: b",
        facts: "moved=3 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "messages_moved_around_there_end_where_they_are",
        user_there: "Three messages are moved in a circle between folders.",
        result: "Their files are moved here in the same way.",
        agreed: "INBOX: a | A: b | B: c",
        there: "move INBOX/a A; move A/b B; move B/c INBOX",
        end: "INBOX: c | A: a | B: b",
        facts: "moved=3 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_twice_here_is_moved_once",
        user_here: "You move a message to one folder and on to another.",
        result: "It is moved there to where it is now.",
        agreed: "INBOX: a | A: | B:",
        here: "move INBOX/a A; mutt A/a B",
        end: "INBOX: | A: | B: a",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_back_the_next_day_is_moved_back",
        user_here: "You move a message, sync, and move it back.",
        result: "It is moved back there.",
        agreed: "INBOX: a | A:",
        before: &[Before { here: "move INBOX/a A", there: "", run: Verb::Sync }],
        here: "move A/a INBOX",
        end: "INBOX: a | A:",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_there_and_back_in_two_runs_comes_back",
        user_there: "A message is moved, and after a sync moved back.",
        result: "Its file is moved back.",
        agreed: "INBOX: a | A:",
        before: &[Before { here: "", there: "move INBOX/a A", run: Verb::Sync }],
        there: "move A/a INBOX",
        end: "INBOX: a | A:",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_read_and_moved_here_is_both_there",
        user_here: "You read a message and move it.",
        result: "It is moved and read there.",
        agreed: "INBOX: a b | Archive:",
        here: "flag INBOX/a:S; move INBOX/a Archive",
        end: "INBOX: b | Archive: a:S",
        facts: "moved=1 uploaded=0 downloaded=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_message_read_and_moved_there_is_both_here",
        user_there: "A message is read and moved.",
        result: "Its file is moved and read here.",
        agreed: "INBOX: a:F b | Archive:",
        there: "flag INBOX/a:FS; move INBOX/a Archive",
        end: "INBOX: b | Archive: a:FS",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_and_flagged_there_is_both",
        user_here: "You move a message.",
        user_there: "It is flagged.",
        result: "It is in the new folder and flagged on both sides.",
        agreed: "INBOX: a b | Archive:",
        here: "move INBOX/a Archive",
        there: "flag INBOX/a:F",
        end: "INBOX: b | Archive: a:F",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_there_and_flagged_here_is_both",
        user_here: "You flag a message.",
        user_there: "It is moved.",
        result: "It is in the new folder and flagged on both sides.",
        agreed: "INBOX: a b | Archive:",
        here: "flag INBOX/a:F",
        there: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a:F",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_keyword_moves_along_from_here",
        user_here: "You move a message with keywords to a folder that has others.",
        result: "It has its own keywords there.",
        agreed: "INBOX: a:+work b:+x | Archive: c:+old",
        here: "move INBOX/a Archive",
        end: "INBOX: b:+x | Archive: a:+work c:+old",
        facts: MOVED,
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_keyword_moves_along_from_there",
        user_there: "A message with keywords is moved to a folder that has others.",
        result: "Its file has its own keywords here.",
        agreed: "INBOX: a:+work b:+x | Archive: c:+old",
        there: "move INBOX/a Archive",
        end: "INBOX: b:+x | Archive: a:+work c:+old",
        facts: MOVED,
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_into_a_new_folder_here_is_moved_there",
        user_here: "You make a folder and move a message into it.",
        result: "The folder is made there, and the message moved; nothing is sent.",
        here: "mkdir Fresh; move INBOX/a Fresh",
        end: "INBOX: b | Fresh: a",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_into_a_new_folder_there_is_moved_here",
        user_there: "A folder is made and a message moved into it.",
        result: "The folder is made here, and the file moved; nothing is downloaded.",
        there: "mkdir Fresh; move INBOX/a Fresh",
        end: "INBOX: b | Fresh: a",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "one_of_two_identical_messages_moved_here_leaves_the_other",
        user_here: "You move one of two identical messages.",
        result: "One of them is moved there.",
        agreed: "INBOX: a a | Archive:",
        here: "move INBOX/a Archive",
        end: "INBOX: a | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_file_with_another_name_in_the_same_folder_is_the_same_message",
        user_here: "A program gives a file another name.",
        result: "Nothing happens there.",
        here: "mutt INBOX/a INBOX",
        facts: "moved=0 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_file_with_another_name_is_known_from_then_on",
        user_here: "You read a message whose file got another name before.",
        result: "It is read there.",
        before: &[Before { here: "mutt INBOX/a INBOX", there: "", run: Verb::Sync }],
        here: "flag INBOX/a:S",
        end: "INBOX: a:S b",
        facts: "uploaded=0 flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_message_that_only_looks_like_the_deleted_one_is_downloaded",
        user_there: "A message is deleted, and one with the same header, but other text, comes into another folder.",
        result: "The one goes here, the other is downloaded: the server's lasting ids tell them apart.",
        server: "identity=lasting",
        agreed: "INBOX: a b | Archive:",
        there: "delete INBOX/a; new Archive/a'",
        end: "INBOX: b | Archive: a'",
        facts: "downloaded=1 deleted_here=1 moved=0",
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "a_message_that_was_sent_from_here_is_told_apart_by_its_lasting_id_too",
        user_there: "A message that had been moved there after you moved it here is deleted, and one that looks alike comes in.",
        result: "The one goes here, the other is downloaded.",
        server: "identity=lasting",
        agreed: "INBOX: a b | Archive: | Other:",
        before: &[Before { here: "move INBOX/a Archive", there: "", run: Verb::Sync }, Before { here: "", there: "", run: Verb::Sync }],
        there: "delete Archive/a; new Other/a'",
        end: "INBOX: b | Archive: | Other: a'",
        facts: "downloaded=1 deleted_here=1 moved=0",
        put_by: "a",
        ..QUIET
    },
    Scenario {
        name: "a_copy_made_here_is_uploaded",
        user_here: "You copy a message to another folder.",
        result: "The copy is uploaded; the original stays.",
        agreed: "INBOX: a b | Archive:",
        here: "copy INBOX/a Archive",
        end: "INBOX: a b | Archive: a",
        facts: "uploaded=1 moved=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_copy_made_there_comes_here",
        user_there: "A message is copied to another folder.",
        result: "There is a second file of it.",
        agreed: "INBOX: a b | Archive:",
        there: "copy INBOX/a Archive",
        end: "INBOX: a b | Archive: a",
        facts: "uploaded=0 moved=0 deleted_here=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_on_a_server_without_moves_stays_there",
        user_here: "You move a message; the server cannot move.",
        result: "It is where you want it here, and where it was there; the run says so.",
        server: "moves=no",
        options: "expunge=now",
        agreed: "INBOX: a b | Archive:",
        here: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        end_there: Some("INBOX: a b | Archive:"),
        gaps: &["moves"],
        facts: MOVED,
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_under_another_name_to_a_folder_that_the_server_cannot_have_stays_there",
        user_here: "You move a message to a folder that the server cannot have (POP3), with a program that gives the file another name.",
        result: "It is known by its bytes. It is where you want it here, and where it was there; the run says so.",
        server: "folders=inbox append=no moves=no trash=no",
        options: "expunge=now",
        here: "mutt INBOX/a Keep; new Keep/n",
        end: "INBOX: b | Keep: a n",
        end_there: Some("INBOX: a b"),
        gaps: &["moves"],
        facts: MOVED,
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_message_deleted_here_goes_there_though_a_folder_of_yours_has_others",
        user_here: "You delete a message; a folder that the server cannot have (POP3) has others.",
        result: "It is deleted there.",
        server: "folders=inbox append=no moves=no trash=no",
        options: "expunge=now",
        before: &[Before { here: "new Keep/n", there: "", run: Verb::Sync }],
        here: "delete INBOX/a",
        end: "INBOX: b | Keep: n",
        end_there: Some("INBOX: b"),
        facts: "deleted_there=1",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_into_the_one_folder_of_a_run_is_moved_by_the_next",
        user_here: "You move a message and sync only the folder that it went to (`--folder`); then all.",
        result: "The first run leaves it alone, the second moves it there; nothing is sent.",
        agreed: "INBOX: a b | Archive:",
        before: &[Before { here: "move INBOX/a Archive", there: "", run: Verb::SyncOf("Archive") }],
        end: "INBOX: b | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_under_another_name_into_the_one_folder_of_a_run_is_moved_by_the_next",
        user_here: "The same with a program that gives the file another name.",
        result: "The same.",
        agreed: "INBOX: a b | Archive:",
        before: &[Before { here: "mutt INBOX/a Archive", there: "", run: Verb::SyncOf("Archive") }],
        end: "INBOX: b | Archive: a",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_here_under_another_name_out_of_the_one_folder_of_a_run_is_moved_by_the_next",
        user_here: "You move a message with such a program and sync only the folder that it was in; then all.",
        result: "The first run leaves it alone, the second moves it there; nothing is deleted.",
        options: "expunge=now",
        agreed: "INBOX: a b | Archive: c",
        before: &[Before { here: "mutt INBOX/a Archive", there: "", run: Verb::SyncOf("INBOX") }],
        end: "INBOX: b | Archive: a c",
        facts: "moved=1 uploaded=0 downloaded=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_copy_made_here_in_the_one_folder_of_a_run_is_uploaded_by_it",
        user_here: "You copy a message, write another one, and sync only the folder that they are in.",
        result: "Both are uploaded: the original of the copy is where it was.",
        agreed: "INBOX: a b | Archive:",
        before: &[Before { here: "copy INBOX/a Archive; new Archive/n", there: "", run: Verb::SyncOf("Archive") }],
        end: "INBOX: a b | Archive: a n",
        facts: "uploaded=0 moved=0",
        ..QUIET
    },
    Scenario {
        name: "many_messages_moved_here_are_no_mass_deletion",
        user_here: "You move all of thirty messages to another folder.",
        result: "They are moved there; the guard counts deletions only.",
        agreed: "INBOX: m*30 | Archive:",
        here: "move INBOX/m*30 Archive",
        end: "INBOX: | Archive: m*30",
        facts: "moved=30 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "many_messages_moved_there_are_no_mass_deletion",
        user_there: "All of thirty messages are moved to another folder.",
        result: "Their files are moved here; the guard counts deletions only.",
        agreed: "INBOX: m*30 | Archive:",
        there: "move INBOX/m*30 Archive",
        end: "INBOX: | Archive: m*30",
        facts: "moved=30 uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_to_one_folder_on_both_sides_is_moved_once",
        user_here: "You move a message.",
        user_there: "It is moved to the same folder.",
        result: "Nothing is left to do.",
        agreed: "INBOX: a b | Archive:",
        here: "move INBOX/a Archive",
        there: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        facts: MOVED,
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_message_moved_to_two_folders_ends_where_the_server_has_it",
        user_here: "You move a message.",
        user_there: "It is moved to another folder.",
        result: "The server wins: its file is moved to where it is there.",
        agreed: "INBOX: a b | Archive: | Other:",
        here: "move INBOX/a Archive",
        there: "move INBOX/a Other",
        end: "INBOX: b | Archive: | Other: a",
        facts: MOVED,
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_keyword_that_was_removed_while_moving_is_removed_there",
        user_here: "You take a message out of a folder, and put it into another one without its keyword and with a flag.",
        result: "It is moved there, and has there what it has here.",
        agreed: "INBOX: a:+one b | Archive: c",
        here: "delete INBOX/a; new Archive/a:R",
        end: "INBOX: b | Archive: a:R c",
        facts: "moved=1 uploaded=0 downloaded=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "a_keyword_moves_along_with_mv",
        user_here: "You move a message with keywords by `mv` to a folder whose letters mean other keywords.",
        result: "It keeps its keywords on both sides, and its file gets the letters that they have there.",
        agreed: "INBOX: a:S+work+x b:+x | Archive: c:+old",
        here: "mv INBOX/a Archive",
        end: "INBOX: b:+x | Archive: a:S+work+x c:+old",
        facts: MOVED,
        runs: 2,
        ..QUIET
    },
];
