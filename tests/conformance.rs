//! One suite for every backend on a real server, over the trait alone.
//!
//! A target is one entry in `targets.rs`; a case is one function that knows what the trait promises. Where a target cannot do
//! something, the same case asserts that the gap is declared and that nothing was changed. A whole target runs as one test, so that
//! one server serves all of its cases; `MAILX_CASE=text` runs only the cases whose name has that text.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "conformance/append.rs"]
mod append;
#[path = "conformance/bed.rs"]
mod bed;
#[path = "conformance/bodies.rs"]
mod bodies;
#[path = "conformance/changes.rs"]
mod changes;
#[path = "conformance/cursor.rs"]
mod cursor;
#[path = "conformance/deletion.rs"]
mod deletion;
#[path = "conformance/flags.rs"]
mod flags;
#[path = "conformance/folders.rs"]
mod folders;
#[path = "conformance/gaps.rs"]
mod gaps;
#[path = "conformance/identity.rs"]
mod identity;
#[path = "conformance/limits.rs"]
mod limits;
#[path = "conformance/moves.rs"]
mod moves;
#[path = "conformance/reshape.rs"]
mod reshape;
#[path = "conformance/set_flags.rs"]
mod set_flags;
#[path = "support/mod.rs"]
mod support;
#[path = "conformance/targets.rs"]
mod targets;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use bed::Bed;
use targets::Target;

type Case = (&'static str, for<'a> fn(&'a Bed<'a>) -> Pin<Box<dyn Future<Output = ()> + 'a>>);

macro_rules! cases {
    ($($module:ident :: $name:ident,)*) => {
        const CASES: &[Case] = &[$((concat!(stringify!($module), "::", stringify!($name)), |bed| Box::pin($module::$name(bed)))),*];
    };
}

cases! {
    identity::ids_are_unique_and_stay,
    identity::two_identical_messages_are_two,
    bodies::come_byte_for_byte_each_exactly_once,
    bodies::many_come_in_one_call,
    bodies::headers_are_the_block_alone,
    bodies::unknown_ids_are_missed_not_made_up,
    bodies::of_another_epoch_are_not_delivered,
    folders::are_listed_decoded_and_with_their_roles,
    folders::are_listed_the_same_again,
    flags::dates_and_sizes_are_listed,
    flags::set_there_are_told_where_everything_is_asked_for,
    deletion::removes_these_and_no_others,
    deletion::spares_what_others_marked,
    deletion::of_another_epoch_is_refused,
    deletion::of_nothing_is_gone,
    cursor::marks_are_equal_when_nothing_happened,
    cursor::additions_since_a_cursor_come_alone,
    cursor::an_empty_folder_has_a_cursor,
    cursor::another_epoch_restarts_whole,
    cursor::nonsense_as_cursor_begins_afresh,
    cursor::many_folders_are_told_apart,
    changes::are_all_told_since_a_cursor,
    changes::are_told_after_looks_at_additions_alone,
    changes::of_an_emptied_folder_are_told,
    changes::of_many_folders_are_told_apart,
    changes::of_a_large_folder_come_in_pages,
    changes::of_another_epoch_restart,
    set_flags::sets_and_clears_each_alone,
    set_flags::many_at_once_in_few_commands,
    set_flags::of_another_epoch_is_refused,
    moves::carry_flags_dates_and_bytes,
    moves::leave_what_others_marked,
    moves::make_a_folder_that_is_missing,
    moves::of_another_epoch_are_refused,
    append::stores_bytes_flags_and_dates,
    append::many_and_large_ones,
    append::of_another_epoch_is_refused,
    append::into_a_missing_folder_makes_it,
    append::survives_files_that_cannot_be_read,
    append::that_breaks_off_leaves_no_half,
    append::among_other_orders,
    reshape::makes_folders_with_what_lies_above,
    reshape::renames_with_what_lies_below,
    reshape::removes_empty_folders_only,
    reshape::says_which_names_cannot_be,
    limits::a_refused_login_is_auth,
    limits::sessions_live_side_by_side,
    limits::a_stopped_run_ends_soon,
    gaps::are_declared_and_below_the_ceiling,
}

/// Runs every case on a target, each with a user of its own, and names all that failed.
fn run(target: Option<Target>) {
    let Some(target) = target else {
        support::skip("its server is not installed");
        return;
    };
    let filter = std::env::var("MAILX_CASE").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, case) in CASES.iter().filter(|(name, _)| name.contains(&filter)) {
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let bed = Bed::new(&target);
            runtime.block_on(async {
                // SOGo looks at each message three times.
                let limit = std::time::Duration::from_secs(if bed.is_active_sync() { 240 } else { 60 });
                tokio::time::timeout(limit, case(&bed)).await.expect("the case takes too long");
            });
            bed.assert_nothing_masked_was_used();
        }));
        if done.is_err() {
            println!("{name}: the server's log ends with\n{}", target.server.log_tail());
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{}: {} cases failed: {failed:?}", target.name, failed.len());
}

macro_rules! targets {
    ($($test:ident: $target:expr;)*) => {
        $(#[test] fn $test() { run($target); })*
    };
}

targets! {
    dovecot_as_it_is: Target::dovecot();
    dovecot_without_literal_plus: Target::poorer("LITERAL+");
    dovecot_without_uidplus: Target::poorer("UIDPLUS");
    dovecot_without_move: Target::poorer("MOVE");
    dovecot_without_uidplus_and_move: Target::poorer("UIDPLUS MOVE");
    dovecot_without_list_extensions: Target::poorer("LIST-EXTENDED LIST-STATUS");
    dovecot_without_special_use: Target::poorer("SPECIAL-USE");
    dovecot_without_esearch: Target::poorer("ESEARCH");
    dovecot_without_condstore_and_qresync: Target::poorer("CONDSTORE QRESYNC");
    dovecot_without_namespace: Target::poorer("NAMESPACE");
    dovecot_without_enable: Target::poorer("ENABLE");
    dovecot_without_sasl_ir: Target::masked("SASL-IR");
    dovecot_without_compress: Target::poorer("COMPRESS=DEFLATE");
    dovecot_without_quota: Target::poorer("QUOTA");
    dovecot_without_unselect: Target::poorer("UNSELECT");
    dovecot_without_qresync: Target::poorer("QRESYNC");
    dovecot_without_multiappend: Target::poorer("MULTIAPPEND");
    dovecot_with_literal_minus: Target::literal_minus();
    dovecot_with_appendlimit: Target::with("APPENDLIMIT=100000");
    bare_imap4rev1: Target::bare();
    masked_uidplus: Target::masked("UIDPLUS");
    masked_uidplus_and_move: Target::masked("UIDPLUS MOVE");
    masked_list_status: Target::masked("LIST-STATUS");
    masked_qresync: Target::masked("QRESYNC");
    masked_everything: Target::masked(targets::EVERYTHING);
    pop3: Target::pop3("");
    pop3_without_pipelining: Target::pop3("PIPELINING");
    pop3_without_top: Target::pop3("TOP");
    pop3_without_uidl: Target::pop3("UIDL");
    pop3_without_uidl_and_pipelining: Target::pop3("UIDL PIPELINING");
    bare_rfc1939: Target::pop3("CAPA UIDL TOP PIPELINING SASL");
    sogo: Target::sogo("");
}
