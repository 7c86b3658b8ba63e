use std::collections::HashSet;

use crate::model::Result;
use crate::store::maildir::digest::Digest;
use crate::store::state::{Doubts, LinkId, Verdicts};

use super::MemState;
use super::tables::{Link, Stage};

impl Doubts for MemState {
    fn settle_doubtful(&mut self, folder: i64, verdicts: &Verdicts, now: i64) -> Result<()> {
        self.transaction(|tables| {
            for (id, proof) in &verdicts.proven {
                tables.change([id], |link| {
                    // The form of the file and its header are what they were.
                    if let Some(known) = link.digest {
                        let Digest { line_ends, header, .. } = known;
                        (link.digest, link.weak) = (Some(Digest { header, line_ends, ..*proof }), false);
                    }
                });
            }
            for (id, name) in &verdicts.disproved {
                tables.change([id], |link| {
                    let old = link.clone();
                    *link = Link {
                        size: old.size,
                        date: old.date,
                        agreed: old.told().clone(),
                        permanent: old.permanent,
                        moved: old.moved,
                        taken: old.taken,
                        ..Link::new(old.folder, old.epoch, old.remote, name.clone(), Stage::Wanted)
                    };
                });
            }
            tables.forget(&verdicts.gone);
            for file in &verdicts.files {
                tables.insert(Link::unmatched(folder, file, Some(now)));
            }
            tables.change(&verdicts.blamed, |link| link.tries += 1);
            Ok(())
        })
    }

    fn suspects(&self, folder: i64) -> Result<HashSet<LinkId>> {
        let tables = self.read();
        let known: Vec<(LinkId, &Link, Digest)> = tables
            .current(folder)
            .filter(|(_, link)| link.stage.is_settled())
            .filter_map(|(id, link)| link.digest.map(|digest| (id, link, digest)))
            .collect();
        let announced = |wire| known.iter().filter(move |(.., other)| other.wire == wire).filter_map(|(_, link, _)| link.size);
        let is_suspect = |(_, link, digest): &&(LinkId, &Link, Digest)| {
            let sizes: HashSet<u64> = announced(digest.wire).collect();
            link.stage.is_linked() && sizes.len() > 1
        };
        Ok(known.iter().filter(is_suspect).map(|(id, ..)| *id).collect())
    }
}
