//! The readable form of a document: XML for people, logs and test vectors.
//!
//! - The default namespace is the code page's name, written where it differs from the parent's.
//! - `<Tag/>` stands for an element without content bit, `<Tag></Tag>` for content bit and END.
//! - `<?opaque HEX?>` stands for a byte array.
//! - White space between tags is not part of the data; data that is nothing but white space is written as character
//!   references, and so are carriage returns and characters that XML 1.0 forbids.
//! - Elements that the code pages do not have are left out.

use std::fmt::Write as _;

use quick_xml::{
    escape::resolve_predefined_entity,
    events::{BytesPI, BytesRef, BytesStart, Event as Xml},
};

use super::{Error, Event, Reader, Tag, Writer, tag, writer::forbidden};

/// Writes a document in the readable form, two spaces of indentation per level, with a line break at the end.
///
/// # Errors
/// The document is not sound, see [`Reader`].
pub fn decode_to_xml(document: &[u8]) -> Result<String, Error> {
    let mut reader = Reader::new(document)?;
    let mut printer = Printer { out: String::new(), pages: Vec::new(), last: Last::Closed };
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Start(tag) => printer.start(tag, reader.is_bare()),
            Event::Text(text) => printer.text(&text),
            Event::Opaque(bytes) => printer.opaque(bytes),
            Event::End(tag) => printer.end(tag),
        }
    }
    printer.out.push('\n');
    Ok(printer.out)
}

/// What was printed last; it decides where a line may be broken without adding to the data.
#[derive(PartialEq)]
enum Last {
    Opened,
    Bare,
    Data,
    Closed,
}

// Formatting into a string cannot fail, therefore the results of `write!` are dropped.
struct Printer {
    out: String,
    /// Code pages of the open elements.
    pages: Vec<u8>,
    last: Last,
}

impl Printer {
    fn line(&mut self) {
        if !self.out.is_empty() {
            let _ = write!(self.out, "\n{:1$}", "", 2 * self.pages.len());
        }
    }

    fn start(&mut self, tag: Tag, bare: bool) {
        if self.last != Last::Data {
            self.line();
        }
        let _ = write!(self.out, "<{tag}");
        if self.pages.last() != Some(&tag.page()) {
            let _ = write!(self.out, " xmlns=\"{}\"", tag.namespace());
        }
        self.out.push_str(if bare { "/>" } else { ">" });
        self.pages.push(tag.page());
        self.last = if bare { Last::Bare } else { Last::Opened };
    }

    fn end(&mut self, tag: Tag) {
        self.pages.pop();
        if self.last == Last::Closed {
            self.line();
        }
        if self.last != Last::Bare {
            let _ = write!(self.out, "</{tag}>");
        }
        self.last = Last::Closed;
    }

    fn text(&mut self, text: &str) {
        let only_space = text.chars().all(is_space);
        for c in text.chars() {
            let _ = match c {
                '&' => self.out.write_str("&amp;"),
                '<' => self.out.write_str("&lt;"),
                '>' => self.out.write_str("&gt;"),
                c if only_space || c == '\r' || forbidden(c) => write!(self.out, "&#{};", u32::from(c)),
                c => self.out.write_char(c),
            };
        }
        self.last = Last::Data;
    }

    fn opaque(&mut self, bytes: &[u8]) {
        self.out.push_str("<?opaque ");
        for byte in bytes {
            let _ = write!(self.out, "{byte:02x}");
        }
        self.out.push_str("?>");
        self.last = Last::Data;
    }
}

/// Writes the document that the readable form stands for. Empty elements get the short spelling whichever is given, and
/// characters that XML 1.0 forbids are left out, see [`Writer`].
///
/// # Errors
/// What is wrong and in which line, as text for the person who wrote the XML: not well-formed, no root element, an unknown
/// namespace or element, an attribute, an entity that XML does not define, text outside the root element, hex digits that
/// are none.
pub fn encode_from_xml(xml: &str) -> Result<Vec<u8>, String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut parser = Parser { out: Writer::new(), namespaces: Vec::new(), text: String::new(), keep: false };
    loop {
        let step = match reader.read_event() {
            Ok(Xml::Eof) => break,
            Ok(event) => parser.event(&event),
            Err(error) => Err(error.to_string()),
        };
        step.map_err(|reason| {
            let read = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let line = xml.bytes().take(read).filter(|b| *b == b'\n').count() + 1;
            format!("line {line}: {reason}")
        })?;
    }
    if let Some(page) = parser.namespaces.last() {
        return Err(format!("an element of {page} is not closed"));
    }
    parser.flush()?;
    if parser.out.is_empty() {
        return Err("there is no element".to_owned());
    }
    Ok(parser.out.finish())
}

struct Parser<'a> {
    out: Writer,
    /// Namespaces of the open elements.
    namespaces: Vec<&'a str>,
    /// Text since the last tag or byte array.
    text: String,
    /// The text is data even if it is nothing but white space.
    keep: bool,
}

impl Parser<'_> {
    fn event(&mut self, event: &Xml<'_>) -> Result<(), String> {
        match event {
            Xml::Start(start) => {
                self.flush()?;
                self.start(start)
            }
            Xml::End(_) => {
                self.flush()?;
                self.namespaces.pop();
                self.out.close();
                Ok(())
            }
            Xml::Text(text) => {
                self.text.push_str(text);
                Ok(())
            }
            Xml::CData(text) => {
                self.text.push_str(text);
                self.keep = true;
                Ok(())
            }
            Xml::GeneralRef(reference) => self.reference(reference),
            Xml::PI(instruction) => {
                self.flush()?;
                self.instruction(instruction)
            }
            Xml::Decl(_) | Xml::Comment(_) | Xml::Eof => Ok(()),
            Xml::DocType(_) => Err("document types are not read".to_owned()),
            Xml::Empty(_) => Err("an empty element was not expanded".to_owned()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.namespaces.is_empty() && !self.out.is_empty() {
            return Err("there is more than one root element".to_owned());
        }
        let mut namespace = self.namespaces.last().copied();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            if attribute.key.as_ref() != "xmlns" {
                return Err(format!("attribute {} has no WBXML form", attribute.key.as_ref()));
            }
            let name: &str = &attribute.value;
            namespace = Some(tag::namespace(name).ok_or_else(|| format!("unknown namespace {name:?}"))?);
        }
        let namespace = namespace.ok_or("the root element needs an xmlns attribute")?;
        let name = start.name();
        let name: &str = name.as_ref();
        let tag = Tag::by_name(namespace, name).ok_or_else(|| format!("{namespace} has no element {name}"))?;
        self.out.open(tag);
        self.namespaces.push(namespace);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        self.keep = true;
        match reference.resolve_char_ref().map_err(|e| e.to_string())? {
            Some(c) => self.text.push(c),
            None => {
                let name: &str = reference;
                let value = resolve_predefined_entity(name).ok_or_else(|| format!("unknown entity &{name};"))?;
                self.text.push_str(value);
            }
        }
        Ok(())
    }

    fn instruction(&mut self, instruction: &BytesPI<'_>) -> Result<(), String> {
        if instruction.target() != "opaque" {
            return Err(format!("processing instruction {} is not known", instruction.target()));
        }
        if self.namespaces.is_empty() {
            return Err("a byte array outside the root element".to_owned());
        }
        let digits = instruction.content().trim().as_bytes();
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let byte = |pair: &[u8]| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        self.out.opaque_piece(&bytes.ok_or("a byte array needs pairs of hexadecimal digits")?);
        Ok(())
    }

    /// Writes the text that was collected.
    fn flush(&mut self) -> Result<(), String> {
        if self.keep || !self.text.chars().all(is_space) {
            if self.namespaces.is_empty() {
                return Err("text outside the root element".to_owned());
            }
            self.out.text_piece(&self.text);
        }
        self.text.clear();
        self.keep = false;
        Ok(())
    }
}

/// White space as XML has it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_survives_whatever_it_is_made_of() {
        let mut w = Writer::new();
        w.open(tag::air_sync::SYNC);
        for text in ["a <b> & \"c\" 'd'", " \n\t ", "x\r\ny", " lead and trail ", "& &", "]]>", "\u{fffd}\u{1f600}"] {
            w.text(tag::air_sync::SYNC_KEY, text);
        }
        w.opaque(tag::contacts::PICTURE, &[0, 0xff, b'?', b'>']);
        w.empty(tag::air_sync::MORE_AVAILABLE);
        w.open(tag::air_sync::COMMANDS);
        w.text_piece("mixed");
        w.empty(tag::air_sync::ADD);
        w.empty(tag::contacts::PICTURE);
        w.text_piece("again");
        w.close();
        let document = w.finish();
        let xml = decode_to_xml(&document).unwrap();
        assert_eq!(encode_from_xml(&xml).unwrap(), document, "{xml}");
    }

    #[test]
    fn mistakes_name_the_line() {
        let reason = |xml: &str| encode_from_xml(xml).unwrap_err();
        assert_eq!(reason("<Sync xmlns=\"AirSync\">\n<Sink/></Sync>"), "line 2: AirSync has no element Sink");
        assert_eq!(reason("<Sync/>"), "line 1: the root element needs an xmlns attribute");
        assert_eq!(reason("<Sync xmlns=\"x\"/>"), "line 1: unknown namespace \"x\"");
        assert_eq!(reason("\n<Sync xmlns=\"AirSync\"/>\n<Sync/>"), "line 3: there is more than one root element");
        assert_eq!(reason("<Sync xmlns=\"AirSync\" a=\"1\"/>"), "line 1: attribute a has no WBXML form");
        assert_eq!(reason("<Sync xmlns=\"AirSync\">&euro;</Sync>"), "line 1: unknown entity &euro;");
        assert_eq!(reason(""), "there is no element");
        assert_eq!(reason("<Sync xmlns=\"AirSync\">"), "an element of AirSync is not closed");
        assert!(reason("<Sync xmlns=\"AirSync\"></Sink>").starts_with("line 1: "));
        for hex in ["1", "1g", "+1", "\u{e4}"] {
            assert!(
                reason(&format!("<Sync xmlns=\"AirSync\"><?opaque {hex}?></Sync>")).contains("hexadecimal"),
                "{hex}"
            );
        }
        assert!(reason("text<Sync xmlns=\"AirSync\"/>").contains("outside the root"));
        assert!(reason("<Sync xmlns=\"AirSync\"/>text").contains("outside the root"));
        assert!(reason("<?opaque 11?><Sync xmlns=\"AirSync\"/>").contains("outside the root"));
    }
}
