//! Which accounts a command is about.

use super::{Account, Config, nearest};
use crate::model::{Class, Error, Result};

impl Config {
    /// The accounts of these names, in the order asked, each once; no names: all, in the order of the file.
    ///
    /// An unknown name has class `usage` and names the nearest. Without any account the class is `config`.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<&Account>> {
        if self.accounts.is_empty() {
            return Err(self.nobody());
        }
        if names.is_empty() {
            return Ok(self.accounts.iter().collect());
        }
        let mut selected: Vec<&Account> = Vec::new();
        for name in names {
            let account = self.account(name.as_ref())?;
            if !selected.iter().any(|already| already.name == account.name) {
                selected.push(account);
            }
        }
        Ok(selected)
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> Result<&Account> {
        if let Some(account) = self.accounts.iter().find(|account| account.name == name) {
            return Ok(account);
        }
        if self.accounts.is_empty() {
            return Err(self.nobody());
        }
        let known: Vec<&str> = self.accounts.iter().map(|account| account.name.as_str()).collect();
        let error = Error::new(Class::Usage, "select accounts", format!("there is no account \"{}\"", name.escape_debug()));
        Err(match nearest(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("configured: {}", known.join(", "))),
        })
    }

    fn nobody(&self) -> Box<Error> {
        let form = "or without a configuration: mailx fetch imaps://user@host DIRECTORY";
        let (failed, hint) = if let Some(file) = &self.file {
            (format!("no account is configured in {}", file.display()), "add one: [accounts.NAME]")
        } else {
            let looked: Vec<String> = self.looked.iter().map(|path| path.display().to_string()).collect();
            let failed = format!("there is no configuration (looked for {})", looked.join(" and "));
            (failed, "write one of these files, or name another with --config")
        };
        Error::new(Class::Config, "select accounts", failed).hint(hint).hint(form)
    }
}
