//! The one table of what this program can do. What is advertised follows from it.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::{
    command::{
        Context, Reply, compose, find, folder_change, folder_sync, get_attachment, get_hierarchy, get_item_estimate,
        item_operations, meeting_response, move_items, ping, provision, search, settings, sync,
    },
    error::Error,
    gateway::Settings,
    proto::{Command, Version},
    spool::Spool,
};

/// What a command gives in the end.
pub(super) type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// One command that works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The command.
    pub(super) command: Command,
    /// Whether its answer may tell that other versions are offered now (X-MS-RP): where the phone can begin anew.
    pub(super) announces: bool,
    /// Does it.
    pub(super) run: Run,
}

/// How a command gets the body of its request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    /// In memory: at most `gateway.max_body` bytes.
    Whole(WholeWork),
    /// As a spool: a mail, at most `gateway.max_mail` bytes.
    Spooled(SpooledWork),
}

/// Carries out a command whose body stands in memory.
pub(super) type WholeWork = fn(&Context, Bytes) -> Outcome<'_>;
/// Carries out a command whose body is a spool.
pub(super) type SpooledWork = fn(&Context, Arc<Spool>) -> Outcome<'_>;

impl Run {
    /// Most bytes of a request.
    pub(super) fn limit(self, settings: &Settings) -> u64 {
        match self {
            Self::Whole(_) => settings.max_body,
            Self::Spooled(_) => settings.max_mail,
        }
    }
}

/// All commands that work, in the order in which they are advertised.
pub(super) const TABLE: &[Entry] = &[
    Entry { command: Command::Sync, announces: true, run: Run::Whole(|ctx, body| Box::pin(sync::run(ctx, body))) },
    Entry {
        command: Command::SendMail,
        announces: false,
        run: Run::Spooled(|ctx, body| Box::pin(compose::run(ctx, body))),
    },
    Entry {
        command: Command::SmartForward,
        announces: false,
        run: Run::Spooled(|ctx, body| Box::pin(compose::run(ctx, body))),
    },
    Entry {
        command: Command::SmartReply,
        announces: false,
        run: Run::Spooled(|ctx, body| Box::pin(compose::run(ctx, body))),
    },
    Entry {
        command: Command::FolderSync,
        announces: true,
        run: Run::Whole(|ctx, body| Box::pin(folder_sync::run(ctx, body))),
    },
    Entry {
        command: Command::GetAttachment,
        announces: false,
        run: Run::Whole(|ctx, _| Box::pin(get_attachment::run(ctx))),
    },
    Entry {
        command: Command::GetHierarchy,
        announces: false,
        run: Run::Whole(|ctx, _| Box::pin(get_hierarchy::run(ctx))),
    },
    Entry {
        command: Command::FolderCreate,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(folder_change::run(ctx, Command::FolderCreate, body))),
    },
    Entry {
        command: Command::FolderDelete,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(folder_change::run(ctx, Command::FolderDelete, body))),
    },
    Entry {
        command: Command::FolderUpdate,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(folder_change::run(ctx, Command::FolderUpdate, body))),
    },
    Entry {
        command: Command::MoveItems,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(move_items::run(ctx, body))),
    },
    Entry {
        command: Command::GetItemEstimate,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(get_item_estimate::run(ctx, body))),
    },
    Entry {
        command: Command::MeetingResponse,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(meeting_response::run(ctx, body))),
    },
    Entry { command: Command::Search, announces: false, run: Run::Whole(|ctx, body| Box::pin(search::run(ctx, body))) },
    Entry {
        command: Command::Settings,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(settings::run(ctx, body))),
    },
    Entry { command: Command::Ping, announces: false, run: Run::Whole(|ctx, body| Box::pin(ping::run(ctx, body))) },
    Entry {
        command: Command::ItemOperations,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(item_operations::run(ctx, body))),
    },
    Entry {
        command: Command::Provision,
        announces: false,
        run: Run::Whole(|ctx, body| Box::pin(provision::run(ctx, body))),
    },
    Entry { command: Command::Find, announces: false, run: Run::Whole(|ctx, body| Box::pin(find::run(ctx, body))) },
];

/// The entry of a command.
pub(super) fn find(table: &'static [Entry], command: Command) -> Option<&'static Entry> {
    table.iter().find(|entry| entry.command == command)
}

/// Value of MS-ASProtocolCommands for a phone that is offered `versions`.
pub(super) fn advertised(table: &[Entry], versions: &[Version]) -> String {
    let offered = |entry: &&Entry| versions.iter().any(|v| entry.command.versions().contains(v));
    table.iter().filter(offered).map(|entry| entry.command.name()).collect::<Vec<_>>().join(",")
}
