//! Writing answers.

use super::{CollectionResponse, CommandKind, CommandResult, Response, ServerCommand, ServerKind};
use crate::{
    proto::{
        Version,
        class::{self, Class, Properties, View},
    },
    wbxml::{
        Tag, Writer,
        tag::{air_sync as a, air_sync_base as b},
    },
};

impl Response {
    /// Writes the answer; empty (an empty body) when there is nothing to say: a Sync or Collections element with nothing in it
    /// crashes phones. Versions without empty answers (up to 12.0) must be given their collections.
    pub fn write(&self, version: Version) -> Vec<u8> {
        if self.status.is_none() && self.limit.is_none() && self.collections.is_empty() {
            return Vec::new();
        }
        let mut w = Writer::new();
        w.open(a::SYNC);
        if let Some(status) = self.status {
            w.int(a::STATUS, status.into());
        }
        if let Some(limit) = self.limit {
            w.int(a::LIMIT, limit.into());
        }
        if !self.collections.is_empty() {
            w.open(a::COLLECTIONS);
            for collection in &self.collections {
                collection.write(&mut w, version);
            }
            w.close();
        }
        w.finish()
    }
}

impl CollectionResponse {
    /// MoreAvailable stands between Status and Commands in every version, then come Commands and Responses as the schema has them.
    /// The schema's own place for it, at the end, is where Windows Mobile and Outlook do not find it; phones that care for no
    /// order find it anywhere.
    fn write(&self, w: &mut Writer, version: Version) {
        w.open(a::COLLECTION);
        if version.traits().class_in_collection {
            w.text(a::CLASS, self.class.name());
        }
        w.text(a::SYNC_KEY, &self.key);
        if !self.id.is_empty() {
            w.text(a::COLLECTION_ID, &self.id);
        }
        w.int(a::STATUS, self.status.into());
        if self.more_available {
            w.empty(a::MORE_AVAILABLE);
        }
        if !self.commands.is_empty() {
            w.open(a::COMMANDS);
            for command in &self.commands {
                command.write(w, self.class, &self.view);
            }
            w.close();
        }
        if !self.responses.is_empty() {
            w.open(a::RESPONSES);
            for result in &self.responses {
                result.write(w, self.class, &self.view, version);
            }
            w.close();
        }
        w.close();
    }
}

impl ServerCommand {
    fn write(&self, w: &mut Writer, class: Class, view: &View) {
        let (tag, with_item) = match self.kind {
            ServerKind::Add => (a::ADD, true),
            ServerKind::Change => (a::CHANGE, true),
            ServerKind::Delete => (a::DELETE, false),
            ServerKind::SoftDelete => (a::SOFT_DELETE, false),
        };
        w.open(tag);
        w.text(a::SERVER_ID, &self.server_id);
        if with_item {
            write_data(w, class, &self.item, view);
        }
        w.close();
    }
}

impl CommandResult {
    fn write(&self, w: &mut Writer, class: Class, view: &View, version: Version) {
        let (tag, data_since_ever) = match self.kind {
            CommandKind::Add => (a::ADD, false),
            CommandKind::Change => (a::CHANGE, false),
            CommandKind::Delete => (a::DELETE, false),
            CommandKind::Fetch => (a::FETCH, true),
        };
        let traits = version.traits();
        w.open(tag);
        text(w, a::CLIENT_ID, self.client_id.as_deref());
        text(w, a::SERVER_ID, self.server_id.as_deref());
        text(w, b::INSTANCE_ID, self.instance.as_deref().filter(|_| traits.data_in_responses));
        w.int(a::STATUS, self.status.into());
        if let Some(item) = self.item.as_ref().filter(|_| data_since_ever || traits.data_in_responses) {
            write_data(w, class, item, view);
        }
        w.close();
    }
}

fn text(w: &mut Writer, tag: Tag, text: Option<&str>) {
    if let Some(text) = text {
        w.text(tag, text);
    }
}

fn write_data(w: &mut Writer, class: Class, item: &Properties, view: &View) {
    if class::is_written(class, item, view) {
        w.open(a::APPLICATION_DATA);
        class::write_item(w, class, item, view);
        w.close();
    }
}
