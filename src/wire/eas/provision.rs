//! Provision: the server's policy, its acknowledgement, and wipe orders (MS-ASPROV).

use super::document::{Step, number, required, text, walk};
use super::status::{Status, statuses};
use super::{DeviceInformation, EasError, Version, limits};
use crate::wire::wbxml::{Tag, page::Provision as P, page::Settings, write};

/// The only type of policy since 12.0.
const POLICY_TYPE: &str = "MS-EAS-Provisioning-WBXML";

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision<'a> {
    /// First phase: asks for the policy. Sent with the policy key 0.
    Ask(DeviceInformation<'a>),
    /// Second phase: answers the policy. Sent with the same, temporary key.
    Acknowledge {
        /// The key that came with the policy.
        key: u32,
        /// What was made of it.
        status: Acknowledgement,
    },
    /// Asks, after status 140 or HTTP 403 and 449, whether there is a wipe order.
    AskForWipe,
    /// Answers a wipe order. Nobody answers this.
    AnswerWipe {
        /// What was ordered.
        wipe: Wipe,
        /// Whether it is obeyed.
        obeyed: bool,
    },
}

/// What became of a policy (MS-ASPROV 2.2.2.54.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// All of it is enforced.
    Applied = 1,
    /// Some of it is enforced, the demand for a PIN at least.
    PartlyApplied = 2,
    /// None of it is.
    NotApplied = 3,
    /// Somebody else manages this device.
    ManagedByOthers = 4,
}

/// A wipe order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wipe {
    /// Of the device (RemoteWipe).
    Device,
    /// Of the account's data (AccountOnlyRemoteWipe, 16.1).
    Account,
}

impl Wipe {
    const fn tag(self) -> Tag {
        match self {
            Self::Device => P::RemoteWipe,
            Self::Account => P::AccountOnlyRemoteWipe,
        }
    }
}

impl Provision<'_> {
    /// The octets of the request. Device information is a part of it from 14.1 on, and must not be before.
    pub fn encode(&self, version: Version) -> Result<Vec<u8>, EasError> {
        let octets = write(P::Provision, |provision| match *self {
            Self::Ask(information) => {
                if version >= Version::V14_1 {
                    information.put(provision);
                }
                provision.element(P::Policies, |policies| {
                    policies.element(P::Policy, |policy| {
                        policy.text(P::PolicyType, POLICY_TYPE);
                    });
                });
            }
            Self::Acknowledge { key, status } => {
                provision.element(P::Policies, |policies| {
                    policies.element(P::Policy, |policy| {
                        policy.text(P::PolicyType, POLICY_TYPE).number(P::PolicyKey, key).number(P::Status, status as u32);
                    });
                });
            }
            Self::AskForWipe => {}
            Self::AnswerWipe { wipe, obeyed } => {
                provision.element(wipe.tag(), |answer| {
                    answer.number(P::Status, if obeyed { 1u32 } else { 2 });
                });
            }
        });
        Ok(octets?)
    }
}

statuses! {
    /// The status of Provision itself (MS-ASPROV 2.2.2.54.2).
    ProvisionStatus {
        1 Success Done "OK"
        2 ProtocolError Bug "request malformed"
        3 ServerError BackOff "server error"
    }
}

statuses! {
    /// The status of the policy (MS-ASPROV 2.2.2.54.1).
    PolicyStatus {
        1 Success Done "OK"
        2 NoPolicy DoWithout "no policy for this device"
        3 UnknownPolicyType Bug "type of policy unknown"
        4 PolicyCorrupt TellUser "policy damaged on the server"
        5 WrongKey Provision "another policy was acknowledged"
    }
}

/// The answer to a Provision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// Of the whole.
    pub status: Status<ProvisionStatus>,
    /// Of the device information, where that was sent.
    pub device_information: Option<u32>,
    /// The policy, or its acknowledgement's receipt.
    pub policy: Option<Policy>,
    /// The order to wipe. Its presence is the order, whatever the status says.
    pub wipe: Option<Wipe>,
}

/// What a server says of its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// [`PolicyStatus::NoPolicy`]: go on without a key.
    pub status: Status<PolicyStatus>,
    /// First phase: the temporary key, for the acknowledgement only. Second phase: the key for all commands.
    pub key: Option<u32>,
    /// First phase: the rules, each an element of EASProvisionDoc with its value. Those with an empty value set nothing. The elements of lists
    /// (ApplicationName, Hash) stand beside the others.
    pub rules: Vec<(Tag, String)>,
}

/// Reads the answer to a Provision.
pub fn provision_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Provisioned, EasError> {
    let (mut status, mut device_information, mut wipe) = (None, None, None);
    let (mut policy_status, mut key, mut rules) = (None, None, Vec::new());
    walk(P::Provision, octets, notes, |path, step| {
        match (path, step) {
            ([_, P::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(P::Status, &value)?)),
            // Libraries disagree whether it stands under Set.
            ([_, Settings::DeviceInformation, .., Settings::Status], Step::Leaf(value)) => {
                device_information = Some(number(Settings::Status, &value)?);
            }
            ([_, P::Policies, P::Policy, P::Status], Step::Leaf(value)) => {
                policy_status = Some(Status::from_code(number(P::Status, &value)?));
            }
            ([_, P::Policies, P::Policy, P::PolicyKey], Step::Leaf(value)) => key = Some(number(P::PolicyKey, &value)?),
            ([_, P::Policies, P::Policy, P::Data, P::EASProvisionDoc, .., rule], Step::Leaf(value)) => {
                if rules.len() == limits::RULES {
                    return Err(EasError::TooMany("policy rules"));
                }
                rules.push((*rule, text(value)));
            }
            ([_, P::RemoteWipe], Step::Open) => wipe = Some(Wipe::Device),
            // The larger order stands, should a server send both: it is the one to refuse or obey first.
            ([_, P::AccountOnlyRemoteWipe], Step::Open) if wipe.is_none() => wipe = Some(Wipe::Account),
            _ => {}
        }
        Ok(())
    })?;
    let policy = policy_status.map(|status| Policy { status, key, rules });
    Ok(Provisioned { status: required(status, P::Status)?, device_information, policy, wipe })
}
