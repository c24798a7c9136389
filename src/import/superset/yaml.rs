//! Turns one YAML document into JSON text.
//!
//! The text is written straight from the parser's events, never through a tree of values, so keys keep the order of
//! the document and numbers keep their digits. What must stay true: the work and the memory are bounded whatever the
//! input says (depth, length of the result, aliases included), and an error tells the line but quotes nothing.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_saphyr::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError};
use zeroize::Zeroizing;

use super::error::Problem;
use super::scalar::{Plain, resolve};

/// How deep lists and mappings may nest. Readers of JSON commonly stop at 128.
const MAX_DEPTH: usize = 64;

/// The YAML document as JSON text of at most `limit` bytes. It may hold secrets, so it is wiped when dropped.
pub(super) fn to_json(yaml: &str, limit: usize) -> Result<Zeroizing<String>, Problem> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let yaml = yaml.strip_prefix('\u{feff}').unwrap_or(yaml);
    let mut parser = Parser::new_from_str_with_options(yaml, options);
    let mut writer = Writer::new(yaml.len(), limit);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| Problem::Yaml {
            line: error.marker().line(),
            fault: describe(&error),
        })?;
        writer.take(event).map_err(|fault| Problem::Yaml {
            line: span.start.line(),
            fault: fault.to_owned(),
        })?;
    }
    Ok(writer.json)
}

/// The parser's own words, but for those that quote a character of the document.
fn describe(error: &ScanError) -> String {
    match error.kind() {
        ErrorKind::UnexpectedCharacter { .. } => "a character that can't stand there".to_owned(),
        ErrorKind::UnknownAnchor => "an alias refers to an anchor that is not there".to_owned(),
        kind => kind.to_string(),
    }
}

type Fault = &'static str;

/// A list or a mapping whose end has not come yet.
struct Open {
    anchor: usize,
    start: usize,
    /// How many levels are inside of it, itself included.
    height: usize,
    kind: Kind,
}

enum Kind {
    List {
        empty: bool,
    },
    Mapping {
        keys: HashSet<String>,
        awaits_value: bool,
    },
}

/// A finished node that an alias may repeat.
struct Anchored {
    json: Range<usize>,
    height: usize,
}

struct Writer {
    json: Zeroizing<String>,
    limit: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    documents: usize,
}

impl Writer {
    fn new(yaml_bytes: usize, limit: usize) -> Self {
        // Room enough that the text is not moved while it grows: what it leaves behind would not be wiped.
        let room = yaml_bytes.saturating_mul(3).saturating_add(64).min(limit);
        Self {
            json: Zeroizing::new(String::with_capacity(room)),
            limit,
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
        }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document begins, but a file holds one");
                }
            }
            Event::StreamEnd if self.documents == 0 => return Err("the document is empty"),
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(.., Some(_))
            | Event::MappingStart(.., Some(_)) => {
                return Err("a tag, which an export never has");
            }
            Event::Scalar(text, style, anchor, None) => {
                let text = Zeroizing::new(text.into_owned());
                self.scalar(&text, style, anchor)?;
            }
            Event::SequenceStart(_, anchor, None) => {
                self.begin('[', anchor, Kind::List { empty: true })?;
            }
            Event::MappingStart(_, anchor, None) => {
                self.begin(
                    '{',
                    anchor,
                    Kind::Mapping {
                        keys: HashSet::new(),
                        awaits_value: false,
                    },
                )?;
            }
            Event::SequenceEnd => self.end(']')?,
            Event::MappingEnd => self.end('}')?,
            Event::Alias(anchor) => self.alias(anchor)?,
            _ => {}
        }
        if self.json.len() > self.limit {
            Err("the document is too large as JSON")
        } else {
            Ok(())
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize) -> Result<(), Fault> {
        if self.at_key() {
            return self.key(text, style, anchor);
        }
        self.before_value()?;
        let start = self.json.len();
        match if style == ScalarStyle::Plain {
            resolve(text)
        } else {
            Plain::Text
        } {
            Plain::Null => self.json.push_str("null"),
            Plain::Bool(true) => self.json.push_str("true"),
            Plain::Bool(false) => self.json.push_str("false"),
            Plain::Number(number) => self.json.push_str(&number),
            Plain::NoJsonNumber => return Err("a number that JSON can't hold"),
            Plain::Text => push_json_text(&mut self.json, text),
        }
        self.remember(anchor, start, 0);
        Ok(())
    }

    fn at_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                kind: Kind::Mapping {
                    awaits_value: false,
                    ..
                },
                ..
            })
        )
    }

    fn key(&mut self, text: &str, style: ScalarStyle, anchor: usize) -> Result<(), Fault> {
        if style == ScalarStyle::Plain && text == "<<" {
            return Err("a merge key, which an export never has");
        }
        let Some(Open {
            kind: Kind::Mapping { keys, awaits_value },
            ..
        }) = self.open.last_mut()
        else {
            return Err("a key outside of a mapping");
        };
        let first = keys.is_empty();
        if !keys.insert(text.to_owned()) {
            return Err("a key that its mapping already has");
        }
        *awaits_value = true;
        if !first {
            self.json.push(',');
        }
        let start = self.json.len();
        push_json_text(&mut self.json, text);
        self.remember(anchor, start, 0);
        self.json.push(':');
        Ok(())
    }

    /// Writes whatever stands between the value that comes and what is already there.
    fn before_value(&mut self) -> Result<(), Fault> {
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(Kind::List { empty }) => {
                if !*empty {
                    self.json.push(',');
                }
                *empty = false;
            }
            Some(Kind::Mapping { awaits_value, .. }) => {
                if !*awaits_value {
                    return Err("a key that is not plain text");
                }
                *awaits_value = false;
            }
            None => {}
        }
        Ok(())
    }

    fn begin(&mut self, bracket: char, anchor: usize, kind: Kind) -> Result<(), Fault> {
        self.before_value()?;
        if self.open.len() >= MAX_DEPTH {
            return Err("lists and mappings are nested too deep");
        }
        self.open.push(Open {
            anchor,
            start: self.json.len(),
            height: 1,
            kind,
        });
        self.json.push(bracket);
        Ok(())
    }

    fn end(&mut self, bracket: char) -> Result<(), Fault> {
        self.json.push(bracket);
        let Some(Open {
            anchor,
            start,
            height,
            ..
        }) = self.open.pop()
        else {
            return Err("an end without a beginning");
        };
        self.remember(anchor, start, height);
        self.grow_parent(height);
        Ok(())
    }

    fn alias(&mut self, anchor: usize) -> Result<(), Fault> {
        self.before_value()?;
        // A node is remembered when it ends, so an alias inside of it finds nothing.
        let Some(Anchored { json, height }) = self.anchors.get(&anchor) else {
            return Err("an alias refers to the very thing it stands in");
        };
        let (json, height) = (json.clone(), *height);
        // Both are checked before anything is copied: this is what stops an alias bomb.
        if self.json.len().saturating_add(json.len()) > self.limit {
            return Err("aliases make the document too large");
        }
        if self.open.len() + height > MAX_DEPTH {
            return Err("aliases nest the document too deep");
        }
        self.json.extend_from_within(json);
        self.grow_parent(height);
        Ok(())
    }

    fn grow_parent(&mut self, height: usize) {
        if let Some(parent) = self.open.last_mut() {
            parent.height = parent.height.max(height + 1);
        }
    }

    fn remember(&mut self, anchor: usize, start: usize, height: usize) {
        // The parser counts anchors from one; zero stands for none.
        if anchor != 0 {
            self.anchors.insert(
                anchor,
                Anchored {
                    json: start..self.json.len(),
                    height,
                },
            );
        }
    }
}

/// Writes text as a JSON string.
///
/// Own code rather than the serializer's: that one leaves a copy of the text behind, and the text may be secret.
pub(super) fn push_json_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => {
                let code = u32::from(control);
                json.push_str(if code < 16 { "\\u000" } else { "\\u001" });
                json.extend(char::from_digit(code % 16, 16));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests;
