//! The zip around an export: which entries count, and their text.
//!
//! What must stay true: nothing an archive says about itself is believed. Limits count the bytes that really come
//! out, a path can't leave the archive, and nothing is ever written to disk.

use std::io::{Read, Seek};

use zeroize::Zeroizing;
use zip::ZipArchive;

use super::error::{ImportError, Problem};
use super::yaml;

/// How much an archive may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) entry_bytes: u64,
    pub(super) total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 20_000,
            entry_bytes: 8 * 1024 * 1024,
            total_bytes: 256 * 1024 * 1024,
        }
    }
}

/// The kinds of documents that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Metadata,
    Database,
    Dataset,
    Chart,
    Dashboard,
}

/// One document of the export that has not been unpacked yet.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) kind: Kind,
    pub(super) entry: String,
    index: usize,
}

/// An open archive and how much has come out of it so far.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    limits: Limits,
    /// Bytes of YAML, and bytes of the JSON made of it: aliases can make much of little.
    unpacked: u64,
    converted: u64,
}

/// What an archive lists.
pub(super) struct Contents {
    pub(super) metadata: Document,
    /// Sorted by path.
    pub(super) documents: Vec<Document>,
    /// The paths of what is no document.
    pub(super) left_out: Vec<String>,
}

impl<R: Read + Seek> Archive<R> {
    pub(super) fn open(file: R, limits: Limits) -> Result<Self, ImportError> {
        let zip = ZipArchive::new(file).map_err(|error| ImportError::NotAZip(error.to_string()))?;
        if zip.len() > limits.entries {
            return Err(ImportError::TooManyEntries {
                limit: limits.entries,
            });
        }
        if zip.has_duplicate_names() {
            return Err(ImportError::RepeatedPath);
        }
        Ok(Self {
            zip,
            limits,
            unpacked: 0,
            converted: 0,
        })
    }

    /// Lists the archive without unpacking anything.
    pub(super) fn contents(&self) -> Result<Contents, ImportError> {
        let mut paths = Vec::new();
        for (index, raw) in self.zip.file_names_raw().enumerate() {
            let path = checked_path(raw).map_err(|fault| ImportError::EntryName {
                number: index + 1,
                fault,
            })?;
            if !path.ends_with('/') && !is_clutter(path) {
                paths.push((path, index));
            }
        }
        paths.sort_unstable();

        let (metadata, root) = find_metadata(&paths).ok_or(ImportError::NoMetadata)?;
        let metadata = Document {
            kind: Kind::Metadata,
            entry: format!("{root}metadata.yaml"),
            index: metadata,
        };
        let mut documents = Vec::new();
        let mut left_out = Vec::new();
        for (path, index) in paths {
            let Some(inner) = path.strip_prefix(root) else {
                return Err(Problem::OutsideTopFolder.at(path));
            };
            match kind_of(inner) {
                Some(kind) => documents.push(Document {
                    kind,
                    entry: path.to_owned(),
                    index,
                }),
                None if index == metadata.index => {}
                None => left_out.push(path.to_owned()),
            }
        }
        Ok(Contents {
            metadata,
            documents,
            left_out,
        })
    }

    /// Unpacks one document as JSON text, which is wiped when dropped: it may hold secrets.
    pub(super) fn json(&mut self, document: &Document) -> Result<Zeroizing<String>, ImportError> {
        let yaml = self.text(document)?;
        let entry = document.entry.as_str();
        let allowed = usize::try_from(self.limits.entry_bytes).unwrap_or(usize::MAX);
        let json = yaml::to_json(&yaml, allowed).map_err(|problem| problem.at(entry))?;
        self.converted += byte_count(json.len());
        if self.converted > self.limits.total_bytes {
            return Err(Problem::ArchiveTooLarge {
                limit: self.limits.total_bytes,
            }
            .at(entry));
        }
        Ok(json)
    }

    fn text(&mut self, document: &Document) -> Result<Zeroizing<String>, ImportError> {
        let entry = document.entry.as_str();
        let unreadable = |reason: String| Problem::Unreadable(reason).at(entry);
        let packed = self
            .zip
            .by_index(document.index)
            .map_err(|error| unreadable(error.to_string()))?;
        if packed.is_symlink() {
            return Err(unreadable("it is a symbolic link".to_owned()));
        }
        // Never reserve by the declared size, and read one byte more than allowed to notice what goes on.
        let left = self.limits.total_bytes.saturating_sub(self.unpacked);
        let allowed = self.limits.entry_bytes.min(left);
        let mut bytes = Zeroizing::new(Vec::new());
        packed
            .take(allowed.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(error.to_string()))?;
        let length = byte_count(bytes.len());
        if length > self.limits.entry_bytes {
            return Err(Problem::EntryTooLarge {
                limit: self.limits.entry_bytes,
            }
            .at(entry));
        }
        if length > left {
            return Err(Problem::ArchiveTooLarge {
                limit: self.limits.total_bytes,
            }
            .at(entry));
        }
        self.unpacked += length;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(Problem::NotUtf8.at(entry)),
        }
    }
}

fn byte_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Nothing here is written to disk, yet a path that tries to leave its folder says that someone tampered.
fn checked_path(raw: &[u8]) -> Result<&str, &'static str> {
    let Ok(path) = std::str::from_utf8(raw) else {
        return Err("has a name that is not valid UTF-8");
    };
    if path.is_empty() || path.len() > 1024 {
        return Err("has an empty name or one longer than 1024 bytes");
    }
    if path.chars().any(char::is_control) {
        return Err("has a control character in its name");
    }
    if path.contains('\\') || path.starts_with('/') || path.chars().nth(1) == Some(':') {
        return Err("has an absolute path or backslashes in its name");
    }
    let folders = path.strip_suffix('/').unwrap_or(path);
    if folders
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err("has a path that points outside of its folder");
    }
    Ok(path)
}

/// Files that operating systems add when a folder is packed by hand.
fn is_clutter(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "__MACOSX" || part == ".DS_Store" || part == "Thumbs.db")
}

/// An export has one folder at the top; packed by hand it may have lost that.
fn find_metadata<'a>(paths: &[(&'a str, usize)]) -> Option<(usize, &'a str)> {
    paths
        .iter()
        .filter_map(|(path, index)| Some((*index, path.strip_suffix("metadata.yaml")?)))
        .find(|(_, root)| {
            root.is_empty() || (root.ends_with('/') && root.matches('/').count() == 1)
        })
}

fn kind_of(inner: &str) -> Option<Kind> {
    let (folder, file) = inner.split_once('/')?;
    let (_, extension) = file.rsplit_once('.')?;
    if !matches!(extension, "yaml" | "yml") {
        return None;
    }
    match folder {
        "databases" => Some(Kind::Database),
        "datasets" => Some(Kind::Dataset),
        "charts" => Some(Kind::Chart),
        "dashboards" => Some(Kind::Dashboard),
        _ => None,
    }
}
