use super::{QUIET, Scenario};

pub const ALL: &[Scenario] = &[
    Scenario { name: "nothing_happens", result: "Nothing is done.", facts: "flags_pulled=0 flags_pushed=0 downloaded=0", ..QUIET },
    Scenario {
        name: "a_message_read_here_is_read_there",
        user_here: "You read a message.",
        result: "It is read there.",
        here: "flag INBOX/a:S",
        end: "INBOX: a:S b",
        facts: "flags_pushed=1 flags_pulled=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_read_there_is_read_here",
        user_there: "A message is read.",
        result: "It is read here.",
        there: "flag INBOX/a:S",
        end: "INBOX: a:S b",
        facts: "flags_pushed=0 flags_pulled=1 downloaded=0",
        ..QUIET
    },
    Scenario {
        name: "a_message_marked_unread_here_is_unread_there",
        user_here: "You mark a message as unread.",
        result: "It is unread there.",
        agreed: "INBOX: a:S b:S",
        here: "flag INBOX/a",
        end: "INBOX: a b:S",
        ..QUIET
    },
    Scenario {
        name: "a_message_marked_unread_there_is_unread_here",
        user_there: "A message is marked as unread.",
        result: "It is unread here.",
        agreed: "INBOX: a:S b:S",
        there: "flag INBOX/a",
        end: "INBOX: a b:S",
        ..QUIET
    },
    Scenario {
        name: "flags_merge_one_by_one",
        user_here: "You read a flagged message.",
        user_there: "It is answered, and its flag is removed.",
        result: "It is read and answered, and not flagged, on both sides.",
        agreed: "INBOX: a:F b",
        here: "flag INBOX/a:FS",
        there: "flag INBOX/a:R",
        end: "INBOX: a:RS b",
        facts: "flags_pushed=1 flags_pulled=1",
        ..QUIET
    },
    Scenario {
        name: "the_same_change_on_both_sides_is_no_work",
        user_here: "You read a message.",
        user_there: "It is read, too.",
        result: "Nothing is left to do.",
        here: "flag INBOX/a:S",
        there: "flag INBOX/a:S",
        end: "INBOX: a:S b",
        facts: "flags_pushed=0 flags_pulled=0",
        ..QUIET
    },
    Scenario {
        name: "a_flag_cleared_here_and_another_set_there_are_both_done",
        user_here: "You mark a message as unread.",
        user_there: "It is flagged.",
        result: "It is unread and flagged on both sides.",
        agreed: "INBOX: a:S b",
        here: "flag INBOX/a",
        there: "flag INBOX/a:FS",
        end: "INBOX: a:F b",
        ..QUIET
    },
    Scenario {
        name: "every_flag_travels_from_here",
        user_here: "You set draft, flagged, passed, replied, seen, trashed.",
        result: "All of them are set there. None of them deletes anything.",
        here: "flag INBOX/a:DFPRST",
        end: "INBOX: a:DFPRST b",
        ..QUIET
    },
    Scenario {
        name: "every_flag_travels_from_there",
        user_there: "All flags are set.",
        result: "All of them are set here. None of them deletes anything.",
        there: "flag INBOX/a:DFPRST",
        end: "INBOX: a:DFPRST b",
        ..QUIET
    },
    Scenario {
        name: "many_flags_travel_both_ways_in_one_run",
        user_here: "You read some messages.",
        user_there: "Others are flagged.",
        result: "All of it is on both sides.",
        agreed: "INBOX: m*9",
        here: "flag INBOX/m*4:S",
        there: "flag INBOX/m*3-7:F",
        end: "INBOX: m*2:S m*3-4:FS m*5-7:F m*8-9",
        facts: "flags_pushed=4 flags_pulled=5",
        ..QUIET
    },
    Scenario {
        name: "a_keyword_set_here_is_set_there",
        user_here: "You give a message a keyword.",
        result: "It has the keyword there.",
        here: "flag INBOX/a:+work",
        end: "INBOX: a:+work b",
        facts: "flags_pushed=1",
        ..QUIET
    },
    Scenario {
        name: "a_keyword_set_there_is_set_here",
        user_there: "A message gets a keyword.",
        result: "It has the keyword here.",
        there: "flag INBOX/a:S+work",
        end: "INBOX: a:S+work b",
        facts: "flags_pulled=1",
        ..QUIET
    },
    Scenario {
        name: "keywords_merge_one_by_one",
        user_here: "You replace a keyword by another.",
        user_there: "It gets a third one.",
        result: "It has the new ones on both sides, and the first on neither.",
        agreed: "INBOX: a:+old b:+old",
        here: "flag INBOX/a:+mine",
        there: "flag INBOX/a:+old+theirs",
        end: "INBOX: a:+mine+theirs b:+old",
        ..QUIET
    },
    Scenario {
        name: "flags_that_a_server_cannot_keep_stay_here",
        user_here: "You read and answer a message; the server takes no flags.",
        result: "The flags stay here, and the run says so.",
        server: "push=",
        here: "flag INBOX/a:RS",
        end: "INBOX: a:RS b",
        end_there: Some("INBOX: a b"),
        gaps: &["flags-push"],
        facts: "flags_pushed=0",
        ..QUIET
    },
    Scenario {
        name: "flags_that_a_server_keeps_in_part_travel_in_part",
        user_here: "You read and answer a message; the server takes Read and Flagged only.",
        result: "It is read there. That you answered it stays here, and the run says so.",
        server: "push=FS",
        here: "flag INBOX/a:RS",
        end: "INBOX: a:RS b",
        end_there: Some("INBOX: a:S b"),
        gaps: &["flags-push"],
        ..QUIET
    },
    Scenario {
        name: "a_flag_that_stays_here_outlives_changes_there",
        user_here: "You answered a message; the server takes Read and Flagged only.",
        user_there: "Later it is read.",
        result: "It is read here, and still answered.",
        server: "push=FS",
        before: &[super::Before { here: "flag INBOX/a:R", there: "", run: crate::world::Verb::Sync }],
        there: "flag INBOX/a:S",
        end: "INBOX: a:RS b",
        end_there: Some("INBOX: a:S b"),
        ..QUIET
    },
    Scenario {
        name: "a_server_without_flags_changes_none_here",
        user_here: "You read a message; the server knows no flags at all.",
        result: "It stays read here, whatever the server lists.",
        server: "push= pull= keywords=no",
        here: "flag INBOX/a:S+work",
        end: "INBOX: a:S+work b",
        end_there: Some("INBOX: a b"),
        gaps: &["flags-push"],
        ..QUIET
    },
    Scenario {
        name: "keywords_that_a_server_cannot_keep_stay_here",
        user_here: "You give a message a keyword; the server keeps none.",
        result: "The keyword stays here, and the run says so.",
        server: "keywords=no",
        here: "flag INBOX/a:S+work",
        end: "INBOX: a:S+work b",
        end_there: Some("INBOX: a:S b"),
        gaps: &["keywords"],
        ..QUIET
    },
    Scenario {
        name: "keywords_that_a_server_does_not_list_stay_here",
        user_here: "You give a message two keywords; the server keeps one of them.",
        result: "That one travels, the other stays here, and the run says so.",
        server: "keywords=good",
        here: "flag INBOX/a:+bad+good",
        end: "INBOX: a:+bad+good b",
        end_there: Some("INBOX: a:+good b"),
        gaps: &["keywords"],
        ..QUIET
    },
    Scenario {
        name: "a_folder_that_takes_no_changes_is_named",
        user_here: "You read a message in a folder that is read-only on the server.",
        result: "It stays read here; the run says that the server refuses, and tries again next time.",
        here: "flag INBOX/a:S",
        there: "read-only INBOX",
        end: "INBOX: a:S b",
        end_there: Some("INBOX: a b"),
        trouble: "read-only",
        ..QUIET
    },
];
