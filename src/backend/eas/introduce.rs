//! Tells the server what device this is: before 14.1 by Settings, from then on inside Provision.

use crate::model::Result;
use crate::wire::eas::{Command, DeviceInformation, Remedy, Version, device_request, device_response};

use super::session::{Ask, Link, Tries, USER_AGENT, answered};

/// What the user's list of devices shows of us.
pub(super) const THIS_DEVICE: DeviceInformation<'_> = DeviceInformation {
    model: "mailx",
    friendly_name: "mailx",
    os: if cfg!(target_os = "macos") { "macOS" } else { "Linux" },
    os_language: "en-us",
    user_agent: USER_AGENT,
};

impl Link {
    /// Tells it once, where Provision does not. Nothing depends on it but that list, so a server that does not want to know is let be.
    pub async fn introduce(&mut self) -> Result<()> {
        if self.version >= Version::V14_1 || self.device.introduced {
            return Ok(());
        }
        let command = Command::Settings;
        let body = device_request(THIS_DEVICE).map_err(|e| self.broke(command, e))?;
        let mut tries = Tries::default();
        loop {
            let octets = match self.ask(&Ask::new(command, body.clone())).await {
                Ok(octets) => octets,
                Err(error) if matches!(answered(&error), Some(400 | 404 | 500 | 501)) => break,
                Err(error) => return Err(error),
            };
            if octets.is_empty() {
                break;
            }
            let status = device_response(&octets, &mut Self::note(command)).map_err(|e| self.broke(command, e))?;
            match status.remedy() {
                Remedy::Done => break,
                Remedy::Provision | Remedy::Renegotiate => self.recover(command, status, &mut tries).await?,
                // The next run tells it.
                Remedy::BackOff | Remedy::Retry => return Ok(()),
                _ => {
                    tracing::info!(%status, "the server does not want to know what device this is");
                    break;
                }
            }
        }
        self.device.introduced = true;
        self.remember().await
    }
}
