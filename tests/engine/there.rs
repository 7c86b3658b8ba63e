//! The server as other clients see and change it: its back door, with messages by labels.

use mailx::testing::mem::{Letter, MemServer};

use crate::mail::{Mail, Side, label, wire};

/// A server.
pub struct There(pub MemServer);

/// When messages are delivered.
const DATE: i64 = 1_500_000_000;

impl There {
    pub fn side(&self) -> Side {
        let mails = |letters: Vec<Letter>| letters.iter().map(|l| Mail::of(&l.body, &l.flags)).collect();
        Side::new(self.0.list().into_iter().map(|(path, letters)| (path, mails(letters))))
    }

    fn find(&self, folder: &str, wanted: &str) -> u64 {
        let found = self.0.letters(folder).into_iter().find(|l| label(&l.body) == wanted);
        found.unwrap_or_else(|| panic!("no {wanted} in {folder} there: {}", self.side())).id
    }

    pub fn put(&self, folder: &str, mail: &Mail) {
        self.0.deliver(folder, &wire(&mail.label), mail.state(), DATE);
    }

    pub fn flag(&self, folder: &str, mail: &Mail) {
        self.0.set_flags(folder, self.find(folder, &mail.label), mail.state());
    }

    pub fn delete(&self, folder: &str, label: &str) {
        self.0.remove(folder, self.find(folder, label));
    }

    pub fn shift(&self, folder: &str, label: &str, to: &str) {
        self.0.move_to(folder, self.find(folder, label), to);
    }

    pub fn copy(&self, folder: &str, label: &str, to: &str) {
        self.0.copy_to(folder, self.find(folder, label), to);
    }

    pub fn wipe(&self, folder: &str) {
        for letter in self.0.letters(folder) {
            self.0.remove(folder, letter.id);
        }
    }
}
