//! The commands of the protocol, their names and codes.

/// A command that exists in a version that mailx speaks (MS-ASHTTP 2.2.1.1.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the standard's names")]
pub enum Command {
    Sync = 0,
    SendMail = 1,
    SmartForward = 2,
    SmartReply = 3,
    GetAttachment = 4,
    FolderSync = 9,
    FolderCreate = 10,
    FolderDelete = 11,
    FolderUpdate = 12,
    MoveItems = 13,
    GetItemEstimate = 14,
    MeetingResponse = 15,
    Search = 16,
    Settings = 17,
    Ping = 18,
    ItemOperations = 19,
    Provision = 20,
    ResolveRecipients = 21,
    ValidateCert = 22,
    Find = 23,
}

impl Command {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 20] = [
        Self::Sync,
        Self::SendMail,
        Self::SmartForward,
        Self::SmartReply,
        Self::GetAttachment,
        Self::FolderSync,
        Self::FolderCreate,
        Self::FolderDelete,
        Self::FolderUpdate,
        Self::MoveItems,
        Self::GetItemEstimate,
        Self::MeetingResponse,
        Self::Search,
        Self::Settings,
        Self::Ping,
        Self::ItemOperations,
        Self::Provision,
        Self::ResolveRecipients,
        Self::ValidateCert,
        Self::Find,
    ];

    /// The name in a plain query and in `MS-ASProtocolCommands`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "Sync",
            Self::SendMail => "SendMail",
            Self::SmartForward => "SmartForward",
            Self::SmartReply => "SmartReply",
            Self::GetAttachment => "GetAttachment",
            Self::FolderSync => "FolderSync",
            Self::FolderCreate => "FolderCreate",
            Self::FolderDelete => "FolderDelete",
            Self::FolderUpdate => "FolderUpdate",
            Self::MoveItems => "MoveItems",
            Self::GetItemEstimate => "GetItemEstimate",
            Self::MeetingResponse => "MeetingResponse",
            Self::Search => "Search",
            Self::Settings => "Settings",
            Self::Ping => "Ping",
            Self::ItemOperations => "ItemOperations",
            Self::Provision => "Provision",
            Self::ResolveRecipients => "ResolveRecipients",
            Self::ValidateCert => "ValidateCert",
            Self::Find => "Find",
        }
    }

    /// The octet in a base64 query.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The commands that a server lists. A command that is not listed may be answered all the same (SOGo and Provision); one that is
/// listed is no promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandSet(u32);

impl CommandSet {
    /// What `MS-ASProtocolCommands` says (MS-ASHTTP 2.2.1.1.2.3). Names that we do not know are left out.
    pub fn from_header(header: &str) -> Self {
        let listed = |command: &Command| header.split(',').any(|name| name.trim().eq_ignore_ascii_case(command.name()));
        Self(Command::ALL.into_iter().filter(listed).fold(0, |set, command| set | 1 << command.code()))
    }

    /// Whether the server lists this command.
    pub const fn contains(self, command: Command) -> bool {
        self.0 & 1 << command.code() != 0
    }
}
