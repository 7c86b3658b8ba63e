//! The server's policy: asked for, answered honestly, remembered. And the order to wipe, which locks the account.

use crate::model::event::Step;
use crate::model::{Class, Error, Event, Fate, Result, Scope};
use crate::net::http::Method;
use crate::wire::eas::{
    Acknowledgement, Command, Known as _, PolicyStatus, Provision, Provisioned, Remedy, Status, Wipe, provision_response,
};

use super::device::{Device, KnownPolicy};
use super::introduce::THIS_DEVICE;
use super::limits;
use super::session::{Ask, Link, answered};

/// What a server demands of this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its rules, in its order; those without a value are left out.
    pub rules: Vec<Rule>,
    /// It has ordered to wipe: `device`, or `account` for what came from it.
    pub wipe: Option<String>,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name (MS-ASPROV 2.2.2.28).
    pub name: String,
    /// Its value.
    pub value: String,
    /// It asks something of a mail client, which is not enforced.
    pub demands: bool,
}

/// Reads what was remembered; `None` where no server has told anything.
pub fn policy(remembered: &str) -> Option<Policy> {
    let device: Device = serde_json::from_str(remembered).ok()?;
    if device.policy.is_none() && device.wipe.is_none() {
        return None;
    }
    let rule = |(name, value): (String, String)| Rule { demands: demands(&name, &value), name, value };
    let rules = device.policy.unwrap_or_default().rules.into_iter().map(rule).collect();
    Some(Policy { rules, wipe: device.wipe })
}

/// Whether a rule asks something of a mail client: what concerns phones is nothing to us.
fn demands(name: &str, value: &str) -> bool {
    let number = value.trim().parse::<i64>();
    match name {
        "DevicePasswordEnabled"
        | "RequireDeviceEncryption"
        | "RequireStorageCardEncryption"
        | "RequireSignedSMIMEMessages"
        | "RequireEncryptedSMIMEMessages" => number != Ok(0),
        "AttachmentsEnabled" | "AllowHTMLEmail" => number == Ok(0),
        "MaxAttachmentSize" => number.is_ok(),
        "MaxEmailAgeFilter" => number.is_ok_and(|filter| filter != 0),
        "MaxEmailBodyTruncationSize" | "MaxEmailHTMLBodyTruncationSize" => number.is_ok_and(|size| size >= 0),
        _ => false,
    }
}

impl Link {
    /// Asks for the policy and answers it: two requests (MS-ASPROV 3.1.5.1). Where there is none, that is remembered, too.
    ///
    /// Errors: `guard` for an order to wipe, `rejected` for a server that takes no device that enforces nothing.
    pub async fn provision(&mut self) -> Result<()> {
        let Some(first) = self.phase(&Provision::Ask(THIS_DEVICE), Some(0)).await? else { return self.without_policy().await };
        self.heed_wipe(&first).await?;
        self.check_status(&first)?;
        let Some(policy) = first.policy.filter(|policy| !no_policy(policy.status)) else { return self.without_policy().await };
        if !policy.status.is_done() {
            return Err(self.policy_failed(policy.status));
        }
        // Some servers answer that all is well, and have no policy.
        let Some(temporary) = policy.key.filter(|key| *key != 0 || !policy.rules.is_empty()) else { return self.without_policy().await };
        let named = policy.rules.into_iter().filter(|(_, value)| !value.is_empty());
        let rules: Vec<(String, String)> =
            named.filter_map(|(tag, value)| Some((tag.name()?.to_owned(), value.chars().take(200).collect()))).collect();
        // Honest: nothing is enforced. What demands nothing is kept all the same.
        let obliged = rules.iter().any(|(name, value)| demands(name, value));
        let status = if obliged { Acknowledgement::NotApplied } else { Acknowledgement::Applied };
        let second = self.phase(&Provision::Acknowledge { key: temporary, status }, Some(temporary)).await?;
        let second = second.ok_or_else(|| self.broke(Command::Provision, "it takes no answer to its own policy"))?;
        self.heed_wipe(&second).await?;
        // What is demanded is told also where the server then refuses us.
        let key = second.policy.as_ref().and_then(|policy| policy.key);
        self.device.asked = true;
        self.device.policy = Some(KnownPolicy { key: key.unwrap_or(0), rules });
        self.remember().await?;
        self.check_status(&second)?;
        let receipt = second.policy.map_or(Status::Own(PolicyStatus::NoPolicy), |policy| policy.status);
        if key.is_none() && !receipt.is_done() && !no_policy(receipt) {
            return Err(self.policy_failed(receipt));
        }
        let detail = if obliged { "policy: known, and not enforced (see `mailx policy`)" } else { "policy: asks nothing of a mail client" };
        self.ctx.observer.on(&Event::Reached { step: Step::Capabilities, detail });
        Ok(())
    }

    /// Where an order to wipe has locked the account: whether it still stands. Nothing is acknowledged.
    pub async fn check_lock(&mut self) -> Result<()> {
        let Some(wipe) = self.device.wipe.clone() else { return Ok(()) };
        match self.phase(&Provision::AskForWipe, Some(0)).await {
            Ok(Some(answer)) if answer.wipe.is_none() && answer.status.is_done() => {
                self.device.wipe = None;
                self.device.policy = None;
                self.device.asked = false;
                self.remember().await
            }
            // Whatever else it says: it has not taken the order back.
            Err(error) if error.class == Class::Auth => Err(error),
            _ => Err(self.locked(&wipe)),
        }
    }

    /// One request. `None`: the server knows no Provision.
    async fn phase(&mut self, provision: &Provision<'_>, key: Option<u32>) -> Result<Option<Provisioned>> {
        let body = provision.encode(self.version).map_err(|e| self.broke(Command::Provision, e))?;
        let ask = Ask { policy_key: key, most: limits::ANSWER, work: false, ..Ask::new(Command::Provision, body) };
        let answer = match self.post(Method::Post, Some(&ask)).await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => match answer.status {
                400 | 404 | 501 => return Ok(None),
                _ => return Err(self.refused(Command::Provision, answer).await),
            },
            Err(error) if answered(&error) == Some(501) => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = self.whole(Command::Provision, answer).await?;
        if body.is_empty() {
            return Ok(None);
        }
        let answer = provision_response(&body, &mut Self::note(Command::Provision)).map_err(|e| self.broke(Command::Provision, e))?;
        Ok(Some(answer))
    }

    async fn without_policy(&mut self) -> Result<()> {
        self.ctx.observer.on(&Event::Reached { step: Step::Capabilities, detail: "policy: none" });
        if !self.device.asked || self.device.policy.is_some() {
            self.device.asked = true;
            self.device.policy = None;
            return self.remember().await;
        }
        Ok(())
    }

    /// An order to wipe locks the account. Nothing is deleted, and nothing is acknowledged.
    async fn heed_wipe(&mut self, answer: &Provisioned) -> Result<()> {
        let Some(wipe) = answer.wipe else { return Ok(()) };
        let word = match wipe {
            Wipe::Device => "device",
            Wipe::Account => "account",
        };
        self.device.wipe = Some(word.to_owned());
        self.remember().await?;
        Err(self.locked(word))
    }

    fn locked(&self, wipe: &str) -> Box<Error> {
        let what = if wipe == "account" { "everything that came from the account" } else { "this device" };
        Error::new(
            Class::Guard,
            format!("work on the account {}", self.backend.account),
            format!("{} has ordered to wipe {what}; the account is locked", self.backend.endpoint.host),
        )
        .scope(Scope::Account)
        .fate(Fate::NeedsUser)
        .safe("nothing was deleted, nothing was acknowledged; the mail stays here")
        .hint("ask whoever administers the server: once the order is taken back there, the next run goes on")
    }

    fn check_status(&self, answer: &Provisioned) -> Result<()> {
        match answer.status.remedy() {
            Remedy::Done => Ok(()),
            // The status of a server that wipes; it may come before the order.
            _ if answer.policy.as_ref().is_some_and(|policy| policy.status.is_done()) => Ok(()),
            Remedy::BackOff | Remedy::Retry => Err(self.policy_failed(answer.status).fate(Fate::NeedsUser)),
            _ => Err(self.policy_failed(answer.status)),
        }
    }

    fn policy_failed<T: crate::wire::eas::Known>(&self, status: Status<T>) -> Box<Error> {
        let class = match status.remedy() {
            Remedy::BackOff | Remedy::Retry => Class::Temporary,
            Remedy::BeLetIn => return self.not_let_in(Command::Provision, &status.to_string()),
            _ => Class::Rejected,
        };
        Error::new(class, self.tried(Command::Provision), format!("the server does not settle its policy with us: {status}"))
            .scope(Scope::Account)
            .hint("it may take no device that does not enforce its policy: see `mailx policy`")
    }
}

fn no_policy(status: Status<PolicyStatus>) -> bool {
    matches!(status, Status::Own(known) if known.code() == PolicyStatus::NoPolicy.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_phones_demands_nothing() {
        for (name, value, is) in [
            ("DevicePasswordEnabled", "1", true),
            ("DevicePasswordEnabled", "0", false),
            ("AllowCamera", "0", false),
            ("AttachmentsEnabled", "0", true),
            ("AttachmentsEnabled", "1", false),
            ("MaxAttachmentSize", "", false),
            ("MaxAttachmentSize", "1000", true),
            ("MaxEmailAgeFilter", "0", false),
            ("MaxEmailAgeFilter", "3", true),
            ("MaxEmailBodyTruncationSize", "-1", false),
            ("RequireDeviceEncryption", "1", true),
        ] {
            assert_eq!(demands(name, value), is, "{name} {value}");
        }
    }

    #[test]
    fn what_was_remembered_is_shown() {
        let policy_of = |device: &Device| policy(&serde_json::to_string(device).unwrap());
        assert_eq!(policy_of(&Device { id: "a".into(), asked: true, ..Device::default() }), None);
        let known = KnownPolicy { key: 7, rules: vec![("DevicePasswordEnabled".into(), "1".into())] };
        let shown = policy_of(&Device { policy: Some(known), wipe: Some("device".into()), ..Device::default() }).unwrap();
        assert_eq!((shown.rules.len(), shown.rules[0].demands, shown.wipe.as_deref()), (1, true, Some("device")));
        assert_eq!(policy("no JSON"), None);
    }
}
