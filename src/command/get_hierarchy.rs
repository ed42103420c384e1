//! GetHierarchy, up to 12.1: the mail folders that the device knows (MS-ASCMD 2.2.1.8).

use super::{Context, Reply, folder_sync};
use crate::{
    error::Error,
    proto::{class::Class, folder_change::write_hierarchy},
    state::Locked,
    sync::Hierarchy,
};

/// Carries the command out.
///
/// # Errors
/// The device knows no folders yet (HTTP 500), or the state cannot be had.
pub async fn run(ctx: &Context) -> Result<Reply, Error> {
    let locked = ctx.device.lock().await?;
    Ok(Reply::document(answer(&locked)?))
}

fn answer(locked: &Locked) -> Result<Vec<u8>, Error> {
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?.ok_or(Error::Status(110))?;
    Ok(write_hierarchy(&hierarchy.told(Class::Email)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::{Device, Mailbox, block_on};

    #[test]
    fn mail_folders_of_old_phones() {
        block_on(async {
            let device = Device::knowing(&Mailbox::new()).await;
            let xml = crate::wbxml::xml::decode_to_xml(&answer(&device.locked).unwrap()).unwrap();
            assert_eq!(xml.matches("<Folder>").count(), 5);
            assert!(xml.contains(&format!("<ParentId>{}</ParentId>", device.id("Work"))), "{xml}");
        });
    }
}
