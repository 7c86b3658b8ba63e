//! Which version is spoken.

use crate::model::event::Step;
use crate::model::{Class, Error, Event, Result, Scope};
use crate::net::http::Method;
use crate::wire::eas::{Command, CommandSet, Version};

use super::Link;

impl Link {
    /// Asks which versions the server speaks, and chooses one. A server that does not say keeps the one that is known.
    pub async fn options(&mut self) -> Result<()> {
        let mut answer = self.post(Method::Options, None).await?;
        if answer.status != 200 {
            return Err(self.refused(Command::FolderSync, answer).await);
        }
        let (versions, commands) = (answer.header("MS-ASProtocolVersions"), answer.header("MS-ASProtocolCommands"));
        let offered = versions.map(|text| text.split(',').filter(|v| !self.masked(v.trim())).collect::<Vec<_>>().join(","));
        let best = match &offered {
            Some(offered) => Version::best(offered).ok_or_else(|| {
                let failed = format!("it speaks ActiveSync {offered}, and mailx speaks 12.1 to 16.1");
                Error::new(Class::Protocol, self.tried_url(), failed).scope(Scope::Account)
            })?,
            None => self.device.version().ok_or_else(|| {
                Error::new(Class::Protocol, self.tried_url(), "it does not say that it speaks ActiveSync")
                    .scope(Scope::Account)
                    .hint("check the host; ActiveSync may be at another path: eas://host/path")
            })?,
        };
        if let Some(commands) = commands {
            self.device.commands = commands.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ',').take(1000).collect();
        }
        let detail = format!("ActiveSync {best} (it offers {})", offered.unwrap_or_default());
        while answer.chunk().await?.is_some() {}
        if self.device.version() != Some(best) {
            self.device.version = Some(best.text().to_owned());
            self.remember().await?;
        }
        self.version = best;
        self.commands = CommandSet::from_header(&self.device.commands);
        self.ctx.observer.on(&Event::Reached { step: Step::Capabilities, detail: &detail });
        Ok(())
    }

    /// Whether something is to be treated as if the server did not offer it.
    pub fn masked(&self, name: &str) -> bool {
        self.ctx.disable.iter().any(|masked| masked == name)
    }

    fn tried_url(&self) -> String {
        format!("ask {}{} what it speaks", self.backend.endpoint.address(), self.url.path())
    }
}
