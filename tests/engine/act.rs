//! What people do: one line of text an action, the same words for both sides.

use mailx::testing::mem::Taking;

use crate::mail::Mail;
use crate::world::World;

/// A side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Here,
    There,
}

/// Does what `text` says, actions parted by `;`. A message is named `folder/label`; with `:S+work` behind it, its flags and keywords.
///
/// On both sides: `new M`, `flag M` (these and no others), `delete M`, `move M FOLDER`, `copy M FOLDER`, `wipe FOLDER`, `mkdir FOLDER`,
/// `mvdir FOLDER FOLDER`, `rmdir FOLDER`. Here: `mutt M FOLDER` (a move that gives another base name), `mv M FOLDER` (as the shell does it), `replace FOLDER` (by an empty
/// directory), `lose-state`. There: `renumber FOLDER`, `seem-empty FOLDER`, `hide FOLDER`, `doubt FOLDER`, and the same with `no-` before it; `read-only FOLDER`; `room N`;
/// `rewrite`, `swallow` (from now on it changes, or loses, what it takes).
pub fn act(world: &World, at: At, text: &str) {
    for action in text.split(';').map(str::trim).filter(|a| !a.is_empty()) {
        let words: Vec<&str> = action.split_whitespace().collect();
        let (verb, object, to) = (words[0], words.get(1).copied().unwrap_or_default(), words.get(2).copied().unwrap_or_default());
        let (folder, mail) = object.rsplit_once('/').unwrap_or(("", object));
        for mail in if mail.contains('*') { Mail::parse_many(mail) } else { vec![Mail::parse(mail)] } {
            match at {
                At::Here => here(world, verb, object, (folder, &mail), to),
                At::There => there(world, verb, object, (folder, &mail), to),
            }
        }
    }
}

fn here(world: &World, verb: &str, object: &str, (folder, mail): (&str, &Mail), to: &str) {
    let here = &world.here;
    match verb {
        "new" => here.put(folder, mail),
        "flag" => here.flag(folder, mail),
        "delete" => here.delete(folder, &mail.label),
        "move" => here.shift(folder, &mail.label, to, false),
        "mutt" => here.shift(folder, &mail.label, to, true),
        "mv" => here.rename_file(folder, &mail.label, to),
        "copy" => here.copy(folder, &mail.label, to),
        "wipe" => here.wipe(object),
        "mkdir" => here.make(object),
        "mvdir" => here.rename_folder(object, to),
        "rmdir" => here.remove_folder(object),
        "replace" => here.replace_folder(object),
        "lose-state" => world.lose_state(),
        _ => panic!("nobody can `{verb}` here"),
    }
}

fn there(world: &World, verb: &str, object: &str, (folder, mail): (&str, &Mail), to: &str) {
    let there = &world.there;
    match verb {
        "new" => there.put(folder, mail),
        "flag" => there.flag(folder, mail),
        "delete" => there.delete(folder, &mail.label),
        "move" => there.shift(folder, &mail.label, to),
        "copy" => there.copy(folder, &mail.label, to),
        "wipe" => there.wipe(object),
        "mkdir" => there.0.create(object, crate::mail::role(object)),
        "mvdir" => there.0.rename(object, to),
        "rmdir" => there.0.remove_folder(object),
        "renumber" => there.0.renumber(object),
        "seem-empty" | "no-seem-empty" => there.0.seem_empty(object, verb == "seem-empty"),
        "hide" | "no-hide" => there.0.hide(object, verb == "hide"),
        "doubt" | "no-doubt" => there.0.make_doubtful(object, verb == "doubt"),
        "read-only" | "no-read-only" => there.0.make_read_only(object, verb == "read-only"),
        "room" => there.0.set_room(object.parse().ok()),
        "swallow" => there.0.set_taking(Taking::Lost),
        "rewrite" => there.0.set_taking(Taking::Rewritten),
        _ => panic!("nobody can `{verb}` there"),
    }
}
