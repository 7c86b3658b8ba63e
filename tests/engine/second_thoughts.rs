//! A run is killed, or loses an answer, in the middle of something; before the next one the user thinks again. Nothing may be lost or
//! doubled, and both sides end alike.

use mailx::model::Expunge;
use mailx::model::caps::Append;

use crate::act::{At, act};
use crate::crowd;
use crate::mail::Side;
use crate::play::{Variant, run, settle, variants};
use crate::world::{Settings, Trouble, Verb, World};

const AGREED: &str = "INBOX: a b | Archive: c | Other: d";

/// What had begun: one message's way.
#[derive(Clone, Copy)]
struct Begun {
    name: &'static str,
    here: &'static str,
    there: &'static str,
    /// The message that it is about.
    label: &'static str,
}

const BEGUN: [Begun; 4] = [
    Begun { name: "a move from here", here: "move INBOX/a Archive", there: "", label: "a" },
    Begun { name: "a move from there", here: "", there: "move INBOX/a Archive", label: "a" },
    Begun { name: "an upload", here: "new INBOX/n", there: "", label: "n" },
    Begun { name: "a download", here: "", there: "new INBOX/n", label: "n" },
];

/// What the user then does with the message, wherever it lies here: `move FOLDER`, `mutt FOLDER`, `delete`.
const THOUGHTS: [&str; 5] = ["move INBOX", "mutt Archive", "move Other", "mutt Other", "delete"];

fn begin(variant: &Variant, begun: Begun) -> World {
    let mut settings = variant.settings.clone();
    settings.expunge = Expunge::Now;
    let world = World::new(&Side::parse(AGREED), settings);
    settle(&world);
    act(&world, At::Here, begun.here);
    act(&world, At::There, begun.there);
    world
}

fn think_again(variant: &Variant, begun: Begun, trouble: Trouble, thought: &str) {
    let world = begin(variant, begun);
    let _ = world.run(Verb::Sync, trouble);
    let step = world.last_step();
    let here = world.here.side();
    let Some(now) = here.0.iter().find(|(_, mails)| mails.iter().any(|m| m.label == begun.label)).map(|(folder, _)| folder.clone()) else {
        return;
    };
    let (verb, home) = thought.split_once(' ').unwrap_or((thought, ""));
    // A file under a name that was never recorded is a new message for everybody.
    if home == now || begun.name == "a download" && verb == "mutt" {
        return;
    }
    act(&world, At::Here, &format!("{verb} {now}/{} {home}", begun.label));
    settle(&world);
    let (here, there) = world.sides();
    let when = format!("{} on {}: {trouble:?} at {step}, then `{thought}`", begun.name, variant.name);
    assert_eq!(here.to_string(), there.to_string(), "here and there: {when}");
    let count = here.labels().get(begun.label).copied().unwrap_or_default();
    // What was deleted may come back, where nobody can know any more what the deletion was of; it may not be doubled.
    assert!(count == 1 || count == 0 && home.is_empty(), "{when}: {here}");
    // Where both sides moved it, the server's place counts.
    let both = begun.name == "a move from there";
    assert!(both || home.is_empty() || here.0[home].iter().any(|mail| mail.label == begun.label), "it is not in {home}: {when}: {here}");
    for label in ["b", "c", "d"] {
        assert_eq!(here.labels().get(label), Some(&1), "{when}: {here}");
    }
}

#[test]
fn what_was_cut_short_follows_the_user_who_thinks_again() {
    let jobs: Vec<(Variant, Begun)> = variants().into_iter().flat_map(|v| BEGUN.map(|begun| (v.clone(), begun))).collect();
    crowd::each(
        &jobs,
        |(variant, begun)| format!("{} on {}", begun.name, variant.name),
        |(variant, begun)| {
            let world = begin(variant, *begun);
            let effects = world.there.0.effects();
            let _ = run(&world, Verb::Sync);
            let (steps, effects) = (world.steps(), world.there.0.effects() - effects);
            let mut troubles: Vec<Trouble> = (1..=steps).map(Trouble::DiesAtStep).collect();
            troubles.extend((1..=effects).flat_map(|n| [Trouble::AnswerLost(n), Trouble::DiesAtEffect(n), Trouble::LostBeforeEffect(n)]));
            for trouble in troubles {
                for thought in THOUGHTS {
                    think_again(variant, *begun, trouble, thought);
                }
            }
        },
    );
}

#[test]
fn what_was_being_sent_when_ids_became_void_is_sent_once_and_known_by_its_new_id() {
    let told = |variant: &Variant| variant.settings.caps.append == Append::Yes { tells_id: true };
    crowd::each(
        &variants().into_iter().filter(told).collect::<Vec<_>>(),
        |variant| variant.name.to_owned(),
        |variant| {
            let mut met = false;
            for step in 1..=4 {
                let world = World::new(&Side::parse("INBOX: a | F: b"), Settings { expunge: Expunge::Now, ..variant.settings.clone() });
                settle(&world);
                act(&world, At::Here, "new F/n");
                let _ = world.run(Verb::Sync, Trouble::DiesAtStep(step));
                let (last, when) = (world.last_step(), format!("killed at {}", world.last_step()));
                act(&world, At::There, "renumber F");
                settle(&world);
                assert_eq!(world.there.side().to_string(), "F: b n | INBOX: a", "{when}");
                if last != "intend-upload" {
                    // It had arrived under an id that is void: matched again without proof, which deletes nothing.
                    continue;
                }
                met = true;
                act(&world, At::There, "delete F/n");
                settle(&world);
                assert_eq!(world.here.side().to_string(), "F: b | INBOX: a", "{when}");
            }
            assert!(met, "no run was killed between intent and order");
        },
    );
}
