use std::collections::HashSet;

use crate::model::Result;
use crate::store::maildir::digest::Digest;
use crate::store::state::{Doubtful, Doubts, LinkId, Verdicts};

use super::MemState;
use super::tables::{Doubt, Link, Stage};

impl Doubts for MemState {
    fn settle_doubtful(&mut self, folder: i64, verdicts: &Verdicts, now: i64) -> Result<()> {
        self.transaction(|tables| {
            for (id, proof) in &verdicts.proven {
                tables.change([id], |link| {
                    // The form of the file and its header are what they were.
                    if let Some(known) = link.digest {
                        let Digest { line_ends, header, .. } = known;
                        (link.digest, link.doubt) = (Some(Digest { header, line_ends, ..*proof }), Doubt::None);
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

    fn mark_short(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(ids, |link| link.doubt = Doubt::Short);
            Ok(())
        })
    }

    fn short(&self, folder: i64) -> Result<Vec<(u32, Doubtful)>> {
        let tables = self.read();
        let is_short = |link: &Link| link.doubt == Doubt::Short && link.stage == Stage::Stored && !link.gone;
        let mut short = Vec::new();
        for (id, link) in tables.current(folder).filter(|(_, link)| is_short(link)) {
            let (remote, name) = (link.remote.clone(), link.name.clone());
            short.push((link.tries, Doubtful { id, remote, name, size: link.size, digest: link.known()? }));
        }
        short.sort_by_key(|(tries, message)| (*tries, message.id));
        Ok(short)
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
