//! WBXML documents as plain trees, so that tests speak of what is on the wire and not of the bridge's own types.

use horde_eas::wbxml::{Event, Reader, Tag, Writer};

/// An element. In what tests write, an empty `space` means "that of the parent".
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct El {
    pub(crate) space: String,
    pub(crate) name: String,
    pub(crate) text: String,
    /// Content of a byte array.
    pub(crate) opaque: Option<Vec<u8>>,
    pub(crate) children: Vec<El>,
}

fn named(name: &str) -> El {
    let (space, name) = name.split_once(':').unwrap_or(("", name));
    El { space: space.to_owned(), name: name.to_owned(), ..El::default() }
}

/// An element with children: `el("AirSync:Sync", [...])`.
pub(crate) fn el(name: &str, children: impl IntoIterator<Item = El>) -> El {
    El { children: children.into_iter().collect(), ..named(name) }
}

/// An element with text.
pub(crate) fn t(name: &str, text: impl ToString) -> El {
    El { text: text.to_string(), ..named(name) }
}

/// An empty element.
pub(crate) fn empty(name: &str) -> El {
    named(name)
}

impl El {
    /// The document as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer, "");
        writer.finish()
    }

    fn write(&self, writer: &mut Writer, parent: &str) {
        let space = if self.space.is_empty() { parent } else { &self.space };
        let tag = Tag::by_name(space, &self.name).unwrap_or_else(|| panic!("no element {space}:{}", self.name));
        match (&self.opaque, self.children.is_empty()) {
            (Some(bytes), _) => writer.opaque(tag, bytes),
            (None, true) if self.text.is_empty() => writer.empty(tag),
            (None, true) => writer.text(tag, &self.text),
            (None, false) => {
                writer.open(tag);
                for child in &self.children {
                    child.write(writer, space);
                }
                writer.close();
            }
        }
    }

    /// Reads a document.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, horde_eas::wbxml::Error> {
        let mut reader = Reader::new(bytes)?;
        let mut open: Vec<Self> = vec![Self::default()];
        while let Some(event) = reader.next_event()? {
            match event {
                Event::Start(tag) => open.push(Self {
                    space: tag.namespace().to_owned(),
                    name: tag.name().to_owned(),
                    ..Self::default()
                }),
                Event::Text(text) => open.last_mut().unwrap().text += &text,
                Event::Opaque(bytes) => open.last_mut().unwrap().opaque = Some(bytes.to_vec()),
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
            }
        }
        Ok(open.pop().unwrap().children.pop().unwrap_or_default())
    }

    /// Children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The first element on a path of names: `doc.get("Collections/Collection/SyncKey")`.
    pub(crate) fn get(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |e, name| e.children.iter().find(|c| c.name == name))
    }

    /// The text of the first element on a path; what is absent has none.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(|e| e.text.as_str())
    }

    /// The number on a path.
    pub(crate) fn number(&self, path: &str) -> Option<u32> {
        self.text(path)?.parse().ok()
    }

    /// The same without children of that name, for comparing.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut copy = self.clone();
        copy.children.retain(|c| c.name != name);
        copy
    }

    /// Sets the text of a child, adding it if need be.
    pub(crate) fn set(&mut self, child: El) {
        match self.children.iter_mut().find(|c| c.name == child.name) {
            Some(old) => *old = El { space: std::mem::take(&mut old.space), ..child },
            None => self.children.push(child),
        }
    }

    /// Names of the children in order.
    pub(crate) fn order(&self) -> Vec<&str> {
        self.children.iter().map(|c| c.name.as_str()).collect()
    }

    /// Names of all elements in here that have children by nature, but none in fact.
    pub(crate) fn empty_containers(&self) -> Vec<String> {
        const CONTAINERS: [&str; 12] = [
            "Sync",
            "Collections",
            "Collection",
            "Commands",
            "Responses",
            "Add",
            "Change",
            "Delete",
            "ApplicationData",
            "Changes",
            "Folders",
            "Policies",
        ];
        let this = CONTAINERS.contains(&self.name.as_str()) && self.children.is_empty() && self.text.is_empty();
        let inner = self.children.iter().flat_map(Self::empty_containers);
        this.then(|| self.name.clone()).into_iter().chain(inner).collect()
    }
}

/// As indented XML.
impl std::fmt::Debug for El {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn show(e: &El, depth: usize, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let indent = "  ".repeat(depth);
            let text: String = e.text.chars().take(120).collect();
            match &e.opaque {
                Some(bytes) => writeln!(f, "{indent}<{}>{} bytes</{}>", e.name, bytes.len(), e.name),
                None if e.children.is_empty() && text.is_empty() => writeln!(f, "{indent}<{}/>", e.name),
                None if e.children.is_empty() => writeln!(f, "{indent}<{}>{text}</{}>", e.name, e.name),
                None => {
                    writeln!(f, "{indent}<{}>{text}", e.name)?;
                    e.children.iter().try_for_each(|c| show(c, depth + 1, f))?;
                    writeln!(f, "{indent}</{}>", e.name)
                }
            }
        }
        writeln!(f)?;
        show(self, 0, f)
    }
}
