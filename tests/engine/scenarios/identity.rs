use super::{Before, QUIET, Scenario};
use crate::world::Verb;

const LOST: Before = Before { here: "lose-state", there: "", run: Verb::Sync };
const RENUMBERED: Before = Before { here: "", there: "renumber INBOX", run: Verb::Sync };
const RELEASED: Before = Before { here: "", there: "", run: Verb::FetchAndDelete };

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a_lost_state_is_rebuilt_without_transfers",
        user_here: "The state (`.mailx`) is lost.",
        result: "It is rebuilt; nothing is downloaded, uploaded or deleted.",
        agreed: "INBOX: a:S b | Archive: c d",
        here: "lose-state",
        end: "INBOX: a:S b | Archive: c d",
        facts: "downloaded=0 uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "with_a_lost_state_nothing_is_deleted_or_uploaded",
        user_here: "The state is lost; a message was deleted, and another one is new.",
        user_there: "A third one was deleted.",
        result: "The deleted one comes back; the others stay here only, and are counted.",
        agreed: "INBOX: a b c",
        here: "lose-state; delete INBOX/a; new INBOX/n",
        there: "delete INBOX/c",
        end: "INBOX: a b c n",
        end_there: Some("INBOX: a b"),
        facts: "downloaded=1 uploaded=0 deleted_here=0 deleted_there=0 local_only=2",
        ..QUIET
    },
    Scenario {
        name: "twins_in_a_lost_state_stay_two",
        user_here: "The state is lost; a folder has two identical messages.",
        result: "They stay two.",
        agreed: "INBOX: a a b",
        here: "lose-state",
        end: "INBOX: a a b",
        facts: "uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_copy_in_the_same_folder_survives_a_lost_state",
        user_here: "The state is lost; a folder has a message and a copy of it that was made on the server.",
        result: "They stay two.",
        before: &[Before { here: "", there: "copy INBOX/a INBOX", run: Verb::Sync }],
        here: "lose-state",
        end: "INBOX: a a b",
        facts: "uploaded=0 deleted_here=0 deleted_there=0 local_only=0",
        ..QUIET
    },
    Scenario {
        name: "messages_with_one_header_are_told_apart_by_their_bodies",
        user_here: "The state is lost; two messages have the same header and size.",
        result: "Their bodies are compared; nothing is doubled.",
        agreed: "INBOX: a a' b",
        here: "lose-state",
        end: "INBOX: a a' b",
        facts: "uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "flags_of_both_sides_survive_a_lost_state",
        user_here: "A message is read and labelled; then the state is lost.",
        user_there: "It is flagged, and another one read and labelled, before the state is there again.",
        result: "Both sides have all of it: what only one has is no deletion.",
        agreed: "INBOX: a b c:S+work",
        before: &[Before { here: "", there: "", run: Verb::Sync }],
        here: "flag INBOX/a:S+mine; lose-state",
        there: "flag INBOX/a:F+theirs; flag INBOX/b:S+new",
        end: "INBOX: a:FS+mine+theirs b:S+new c:S+work",
        facts: "downloaded=0 uploaded=0 deleted_here=0 deleted_there=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "flags_there_survive_a_lost_state_where_bodies_decide",
        user_here: "The state is lost; two messages have the same header and size.",
        user_there: "They were read.",
        result: "Their bodies are compared, and they are read here, too.",
        server: "identity=epoch",
        agreed: "INBOX: a a' b",
        here: "lose-state",
        there: "flag INBOX/a:S; flag INBOX/a':F+new",
        end: "INBOX: a:S a':F+new b",
        facts: "uploaded=0 deleted_here=0 deleted_there=0",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "what_is_not_alone_is_not_taken_for_moved_after_a_lost_state",
        user_here: "One of two identical messages was moved to another folder; then the state is lost.",
        result: "Which one it was cannot be told: it is downloaded again, and the moved one stays here only.",
        agreed: "INBOX: a a b | Archive: d",
        here: "move INBOX/a Archive; lose-state",
        end: "INBOX: a a b | Archive: a d",
        end_there: Some("INBOX: a a b | Archive: d"),
        facts: "uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "after_a_lost_state_a_deletion_here_works_again",
        user_here: "The state was lost and rebuilt in an earlier run; now you delete a message.",
        result: "Its body is compared once, and it is deleted there.",
        options: "expunge=now",
        before: &[LOST],
        here: "delete INBOX/a",
        end: "INBOX: b",
        facts: "deleted_there=1",
        ..QUIET
    },
    Scenario {
        name: "after_a_lost_state_news_are_uploaded_again",
        user_here: "The state was lost and rebuilt in an earlier run; now a message is put into a folder, and one is read.",
        result: "The one is uploaded, the other is read there.",
        before: &[LOST],
        here: "new INBOX/n; flag INBOX/a:S",
        end: "INBOX: a:S b n",
        facts: "uploaded=1 flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_weak_match_deletes_nothing_here",
        user_there: "After a rebuilt state, a message is deleted that was matched by its header only.",
        result: "It stays here: such a match authorises no deletion.",
        server: "identity=epoch",
        before: &[LOST],
        there: "delete INBOX/a",
        end: "INBOX: a b",
        end_there: Some("INBOX: b"),
        facts: "deleted_here=0 uploaded=0 local_only=1",
        ..QUIET
    },
    Scenario {
        name: "a_renumbered_folder_is_matched_again",
        user_there: "The server renumbers a folder (a new UIDVALIDITY).",
        result: "Its messages are matched again; nothing is downloaded, uploaded or deleted.",
        agreed: "INBOX: a:S b c d",
        there: "renumber INBOX",
        end: "INBOX: a:S b c d",
        facts: "downloaded=0 uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "a_renumbered_folder_deletes_nothing",
        user_there: "A folder is renumbered, a message in it was deleted, and another one came.",
        result: "The new one is downloaded; the deleted one stays here only.",
        agreed: "INBOX: a b c",
        there: "delete INBOX/a; new INBOX/n; renumber INBOX",
        end: "INBOX: a b c n",
        end_there: Some("INBOX: b c n"),
        facts: "downloaded=1 uploaded=0 deleted_here=0 deleted_there=0 local_only=1",
        ..QUIET
    },
    Scenario {
        name: "changes_here_survive_a_renumbering",
        user_here: "You read a message and put a new one into the folder.",
        user_there: "The folder is renumbered.",
        result: "Nothing is lost: the flags travel then or in the next run, and the new message with the next run.",
        here: "flag INBOX/a:S; new INBOX/n",
        there: "renumber INBOX",
        end: "INBOX: a:S b n",
        runs: 2,
        ..QUIET
    },
    Scenario {
        name: "twins_in_a_renumbered_folder_stay_two",
        user_there: "A folder with two identical messages is renumbered.",
        result: "They stay two.",
        agreed: "INBOX: a a b",
        there: "renumber INBOX",
        end: "INBOX: a a b",
        facts: "uploaded=0 deleted_here=0 deleted_there=0",
        ..QUIET
    },
    Scenario {
        name: "after_a_renumbering_a_deletion_here_works_again",
        user_here: "A folder was renumbered before an earlier run; now you delete a message.",
        result: "It is deleted there.",
        options: "expunge=now",
        before: &[RENUMBERED],
        here: "delete INBOX/a",
        end: "INBOX: b",
        facts: "deleted_there=1",
        ..QUIET
    },
    Scenario {
        name: "released_messages_are_left_alone",
        user_there: "Messages were removed there by `fetch` with `after-fetch = \"delete\"`.",
        result: "`sync` neither deletes nor uploads them.",
        before: &[RELEASED],
        end: "INBOX: a b",
        end_there: Some("INBOX:"),
        facts: "uploaded=0 deleted_here=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "released_messages_stay_where_you_put_them",
        user_here: "You flag, move and delete messages that `fetch` had released.",
        user_there: "Another message comes in.",
        result: "They are here as you left them; nothing of it happens there.",
        agreed: "INBOX: a b c | Archive:",
        before: &[RELEASED],
        here: "flag INBOX/a:F; delete INBOX/c",
        there: "new INBOX/n",
        end: "INBOX: a:F b n | Archive:",
        end_there: Some("INBOX: n | Archive:"),
        facts: "uploaded=0 deleted_here=0 deleted_there=0 downloaded=1",
        ..QUIET
    },
    Scenario {
        name: "what_stays_in_the_trash_of_its_own_accord_is_not_fetched_again",
        user_there: "`fetch` with `after-fetch = \"delete\"` removed messages for good, and the server put them into the trash all the same; another one was deleted there by hand.",
        result: "Those are known, and not fetched again; the other one comes.",
        server: "now=kept sizes=no",
        agreed: "INBOX: a a b | Trash: t",
        before: &[RELEASED, Before { here: "", there: "new Trash/n", run: Verb::Fetch }],
        there: "new Trash/m",
        end: "INBOX: a a b | Trash: m n t",
        end_there: Some("INBOX: | Trash: a a b m n"),
        facts: "uploaded=0 deleted_here=0 deleted_there=0 downloaded=1",
        ..QUIET
    },
    Scenario {
        name: "what_stays_in_the_trash_is_known_by_header_and_size",
        user_there: "The same, and the server tells sizes.",
        result: "The same.",
        server: "now=kept identity=epoch",
        agreed: "INBOX: a a b | Trash:",
        before: &[RELEASED],
        end: "INBOX: a a b | Trash:",
        end_there: Some("INBOX: | Trash: a a b"),
        facts: "uploaded=0 deleted_here=0 deleted_there=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_fetched_account_can_be_synced",
        user_here: "You have used `fetch` so far; now you read a message and use `sync`.",
        user_there: "Another one was flagged.",
        result: "Both changes travel.",
        before: &[Before { here: "", there: "new INBOX/n", run: Verb::Fetch }],
        here: "flag INBOX/a:S",
        there: "flag INBOX/n:F",
        end: "INBOX: a:S b n:F",
        facts: "downloaded=0 uploaded=0 flags_pushed=1 flags_pulled=1",
        ..QUIET
    },
    Scenario {
        name: "a_released_message_that_you_move_is_not_uploaded",
        user_here: "You move a message that `fetch` had released.",
        result: "It stays where you put it; nothing of it happens there.",
        agreed: "INBOX: a b | Archive:",
        before: &[RELEASED],
        here: "move INBOX/a Archive",
        end: "INBOX: b | Archive: a",
        end_there: Some("INBOX: | Archive:"),
        facts: "uploaded=0 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_released_message_that_you_move_back_is_not_uploaded",
        user_here: "You had moved a message that `fetch` had released; now you move it back with a program that gives it another name.",
        result: "It stays where you put it; nothing of it happens there.",
        agreed: "INBOX: a b | Archive:",
        before: &[RELEASED, Before { here: "mutt INBOX/a Archive", there: "", run: Verb::Sync }],
        here: "mutt Archive/a INBOX",
        end: "INBOX: a b | Archive:",
        end_there: Some("INBOX: | Archive:"),
        facts: "uploaded=0 downloaded=0",
        ..QUIET
    },
];
