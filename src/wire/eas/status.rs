//! Statuses: a number, what it means, and what helps.

use std::fmt;

/// What to do about a status. The session bounds how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Nothing: it is done.
    Done,
    /// Send the same request again, soon.
    Retry,
    /// Wait, as long as the server says or longer each time, then send the same request again.
    BackOff,
    /// Bring the folders up to date (FolderSync), then send the request again.
    SyncFolders,
    /// The key of the folders is void: FolderSync with key 0.
    RestartFolders,
    /// The key of this folder is void, or there was none yet: Sync with key 0, and match what comes by identity.
    Restart,
    /// All keys are void: as both of these, everywhere.
    RestartAll,
    /// What is named is not there (any more): Sync tells.
    Gone,
    /// Both sides changed it and theirs holds: Sync brings it.
    TakeTheirs,
    /// Run Provision, then send the request again. A wipe order may come with it; the status alone is none.
    Provision,
    /// The server has forgotten what the request left out: send all of it.
    SendAll,
    /// The answer names a limit: stay below it.
    ObeyLimit,
    /// Ask for the versions again, and speak another one.
    Renegotiate,
    /// Get a new token, once, or ask for the secret.
    LogIn,
    /// The user or the device is not let in: only who administers the server changes that.
    BeLetIn,
    /// The account is elsewhere: `X-MS-Location`, else discovery.
    Relocate,
    /// Leave this message or folder as it is, say so, and go on with the others.
    Refuse,
    /// The server cannot do this: do without.
    DoWithout,
    /// Somebody has to do something about it: the user or who administers the server.
    TellUser,
    /// We are wrong: never send the same again.
    Bug,
}

/// A table of the statuses of a command.
pub trait Known: Copy + 'static {
    /// The status with this number.
    fn from_code(code: u32) -> Option<Self>;
    /// Its number.
    fn code(self) -> u32;
    /// What to do about it.
    fn remedy(self) -> Remedy;
    /// What it means, in a few words.
    fn meaning(self) -> &'static str;
}

/// A status as it came: one of the command's own, one that all commands have, or one of a newer protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status<T> {
    /// From the command's table.
    Own(T),
    /// From the table of all commands.
    Common(CommonStatus),
    /// From no table.
    Unknown(u32),
}

impl<T: Known> Status<T> {
    /// The status with this number.
    pub fn from_code(code: u32) -> Self {
        T::from_code(code).map(Self::Own).or_else(|| CommonStatus::from_code(code).map(Self::Common)).unwrap_or(Self::Unknown(code))
    }

    /// Its number.
    pub fn code(self) -> u32 {
        match self {
            Self::Own(status) => status.code(),
            Self::Common(status) => status.code(),
            Self::Unknown(code) => code,
        }
    }

    /// What to do about it. A status that nobody knows concerns what it stands beside, and may pass: once more, later.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Own(status) => status.remedy(),
            Self::Common(status) => status.remedy(),
            Self::Unknown(_) => Remedy::BackOff,
        }
    }

    /// Whether what was asked for is done.
    pub fn is_done(self) -> bool {
        self.remedy() == Remedy::Done
    }
}

/// `status 8 (not found)`.
impl<T: Known> fmt::Display for Status<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(status) => write!(f, "status {} ({})", status.code(), status.meaning()),
            Self::Common(status) => write!(f, "status {} ({})", status.code(), status.meaning()),
            Self::Unknown(code) => write!(f, "status {code}"),
        }
    }
}

/// Makes a table: one line for each status, with its number, name, remedy and meaning.
macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($code:literal $status:ident $remedy:ident $meaning:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $status,)*
        }

        impl $crate::wire::eas::status::Known for $name {
            fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$status),)*
                    _ => None,
                }
            }

            fn code(self) -> u32 {
                match self {
                    $(Self::$status => $code,)*
                }
            }

            fn remedy(self) -> $crate::wire::eas::status::Remedy {
                match self {
                    $(Self::$status => $crate::wire::eas::status::Remedy::$remedy,)*
                }
            }

            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$status => $meaning,)*
                }
            }
        }
    };
}
pub(super) use statuses;

statuses! {
    /// What any command may answer, from 14.0 on in the body (MS-ASCMD 2.2.2). Those of Search, photos and availability are left out: nobody
    /// asks for these.
    CommonStatus {
        101 InvalidContent Bug "content type wrong or body missing"
        102 InvalidWbxml Bug "WBXML not decodable"
        103 InvalidXml Bug "elements not as they must be"
        104 InvalidDateTime Bug "date malformed"
        105 InvalidCombinationOfIds Bug "ids that do not go together"
        106 InvalidIds Bug "id malformed"
        107 InvalidMime Refuse "message malformed"
        108 DeviceIdMissingOrInvalid TellUser "device id not accepted"
        109 DeviceTypeMissingOrInvalid TellUser "device type not accepted"
        110 ServerError TellUser "server error that will stay"
        111 ServerErrorRetryLater BackOff "server error that will pass"
        112 ActiveDirectoryAccessDenied TellUser "server cannot reach its directory"
        113 MailboxQuotaExceeded TellUser "mailbox full"
        114 MailboxServerOffline BackOff "mailbox server offline"
        115 SendQuotaExceeded TellUser "no more mail may be sent"
        116 MessageRecipientUnresolved Refuse "recipient not found"
        117 MessageReplyNotAllowed Refuse "reply not allowed"
        118 MessagePreviouslySent Done "message was sent before"
        119 MessageHasNoRecipient Refuse "message without recipients"
        120 MailSubmissionFailed BackOff "message not taken for delivery"
        121 MessageReplyFailed Refuse "reply failed"
        122 AttachmentIsTooLarge Refuse "message too large"
        123 UserHasNoMailbox BeLetIn "user without a mailbox"
        124 UserCannotBeAnonymous BeLetIn "login missing"
        125 UserPrincipalCouldNotBeFound BeLetIn "user unknown"
        126 UserDisabledForSync BeLetIn "ActiveSync is switched off for this user"
        127 UserOnNewMailboxCannotSync TellUser "mailbox not on a server for this protocol"
        128 UserOnLegacyMailboxCannotSync TellUser "mailbox not on a server for this protocol"
        129 DeviceIsBlockedForThisUser BeLetIn "device not allowed for this user"
        130 AccessDenied BeLetIn "access denied"
        131 AccountDisabled BeLetIn "account disabled"
        132 SyncStateNotFound RestartAll "server has lost the sync state"
        133 SyncStateLocked BackOff "sync state locked"
        134 SyncStateCorrupt RestartAll "sync state damaged"
        135 SyncStateAlreadyExists BackOff "another first sync is under way"
        136 SyncStateVersionInvalid RestartAll "sync state of another version"
        137 CommandNotSupported DoWithout "command not supported"
        138 VersionNotSupported Renegotiate "protocol version not supported"
        139 DeviceNotFullyProvisionable TellUser "policy that this device cannot carry out"
        140 RemoteWipeRequested Provision "the server wants to wipe"
        141 LegacyDeviceOnStrictPolicy Provision "policy key needed"
        142 DeviceNotProvisioned Provision "policy not acknowledged"
        143 PolicyRefresh Provision "policy has changed"
        144 InvalidPolicyKey Provision "policy key not valid"
        145 ExternallyManagedDevicesNotAllowed Provision "management by others not allowed"
        146 NoRecurrenceInCalendar Refuse "no recurring appointment"
        147 UnexpectedItemClass Refuse "kind of item not expected"
        148 RemoteServerHasNoSsl TellUser "server behind the proxy has no TLS"
        149 InvalidStoredRequest SendAll "server has forgotten the request"
        150 ItemNotFound Gone "not found"
        151 TooManyFolders TellUser "too many folders"
        152 NoFoldersFound TellUser "no folders"
        153 ItemsLostAfterMove Gone "not found after the move"
        154 FailureInMoveOperation Retry "move failed"
        155 MoveCommandDisallowedForNonPersistentMoveAction Bug "a conversation can only be moved for good"
        156 MoveCommandInvalidDestinationFolder SyncFolders "no such destination"
        164 BodyPartPreferenceTypeNotSupported DoWithout "this type of body part is not supported"
        165 DeviceInformationRequired Bug "device information missing"
        166 InvalidAccountId DoWithout "account id not valid"
        167 AccountSendDisabled TellUser "account may not send"
        168 IrmFeatureDisabled TellUser "rights management switched off"
        169 IrmTransientError BackOff "rights management fails for now"
        170 IrmPermanentError Refuse "rights management fails"
        171 IrmInvalidTemplateId Refuse "rights template not valid"
        172 IrmOperationNotPermitted Refuse "not permitted by the sender"
        176 BodyPartConversationTooLarge DoWithout "conversation too large"
        177 MaximumDevicesReached BeLetIn "user has too many devices"
        178 InvalidSmartForwardParameters Refuse "forward malformed"
        179 InvalidSmartForwardCombination Refuse "forward malformed"
        183 InvalidRecipients Refuse "recipients missing or malformed"
        184 OneOrMoreExceptionsFailed Refuse "part of a series failed"
    }
}
