//! What the administrator is told of a device in trouble: one line in the log and one in its info file.

use super::rules::{Kind, Trouble};
use crate::{
    front::known,
    proto::Command,
    state::{self, Device},
};

impl Trouble {
    /// In words.
    fn text(self, command: Option<Command>) -> String {
        let command = command.map_or("a request", Command::name);
        match self.kind {
            Kind::Wrong(status) => format!("{command} {status}, the same request {} times", self.count),
            Kind::Stuck => format!("{command} asked {} times for the same changes and did not take them", self.count),
            Kind::Anew => format!("{command} began {} times anew with the same folder", self.count),
            Kind::Provision(status) => format!("told {} times to fetch its policies ({status})", self.count),
            Kind::Flood => format!("more than {} requests in a minute", self.count),
        }
    }
}

/// Tells of a trouble that is new. Nothing is noted of a device that has no info file.
pub(super) async fn tell(device: &Device, user: &str, command: Option<Command>, trouble: Trouble) {
    let text = trouble.text(command);
    log::warn!("user {user:?}, device {:?}: {text}; it is slowed down until that ends", device.id().as_str());
    let noted = update(device, |info| info.note_trouble(known::now(), &text)).await;
    if let Err(error) = noted {
        log::warn!("that is not noted in the info file: {error}");
    }
}

/// A trouble is over.
pub(super) async fn clear(device: &Device, user: &str) {
    log::info!("user {user:?}, device {:?}: the trouble is over", device.id().as_str());
    if let Err(error) = update(device, state::Info::clear_trouble).await {
        log::warn!("that is not noted in the info file: {error}");
    }
}

async fn update(device: &Device, edit: impl FnOnce(&mut state::Info) + Send) -> Result<(), state::Error> {
    let locked = device.lock().await?;
    if device.info()?.is_some() {
        locked.update(edit).await?;
    }
    Ok(())
}
