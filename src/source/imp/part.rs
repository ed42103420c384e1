//! The parts of a message as IMAP tells them, in the form that mails have elsewhere.

use crate::{
    convert::mime::{Part, params},
    imap::Structure,
};

/// The message with that structure.
pub(super) fn of(structure: &Structure) -> Part {
    let mut root = read(structure);
    root.number();
    root
}

fn read(structure: &Structure) -> Part {
    let kind = format!("{}/{}", structure.kind, structure.subtype);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (id, location) = (text(&structure.id), text(&structure.location));
    let mut part = Part::new(&kind, raw(&structure.params))
        .disposed(&text(&structure.disposition), raw(&structure.disposition_params))
        .described(&id, &location, &structure.encoding, structure.size);
    part.children = structure.parts.iter().map(read).collect();
    part
}

fn raw(params: &[(String, String)]) -> params::Raw {
    params.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect()
}
