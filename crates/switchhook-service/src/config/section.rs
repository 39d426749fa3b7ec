//! Reads a table of the file key by key.
//!
//! A [`Section`] is asked for its keys one by one, each with its kind
//! (`section.get("timeout", duration(MIN..=MAX))`). What nobody asked for is
//! reported when the section goes out of scope, so a key that is read is also a
//! key that is known: there is no second list to keep.

use toml_edit::{Item, TableLike, Value};

use super::lines::{element, join};
use super::reader::Reader;
use super::value::{self, Read, Wrong};

#[derive(Clone, Copy)]
enum Content<'r> {
    /// Not in the file: every key is absent, and still known.
    Absent,
    Table(&'r dyn TableLike),
    /// A plain value in place of a table: it stands for this key of the table.
    Short(&'static str, &'r Item),
}

/// One table of the file.
pub(super) struct Section<'r> {
    pub(super) reader: &'r Reader<'r>,
    content: Content<'r>,
    path: String,
    shape: String,
    asked: Vec<&'static str>,
    /// Keys of which one must be there and none is, with the cure.
    missing: Vec<(Vec<&'static str>, String)>,
}

impl<'r> Section<'r> {
    /// The whole document.
    pub(super) fn root(reader: &'r Reader<'r>, table: &'r dyn TableLike) -> Self {
        Self::new(reader, Content::Table(table), String::new(), String::new())
    }

    fn new(reader: &'r Reader<'r>, content: Content<'r>, path: String, shape: String) -> Self {
        Self {
            reader,
            content,
            path,
            shape,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The value of `key`, when it is there and of its kind.
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&Value) -> Read<T>,
    ) -> Option<T> {
        let item = self.take(key)?;
        let read = item.as_value().ok_or_else(value::is_a_table).and_then(kind);
        read.map_err(|wrong| self.fault(key, wrong)).ok()
    }

    /// The value of `key`, or its default.
    pub(super) fn get_or<T>(
        &mut self,
        key: &'static str,
        default: T,
        kind: impl Fn(&Value) -> Read<T>,
    ) -> T {
        self.get(key, kind).unwrap_or(default)
    }

    /// The value of `key`, which must be there; `T::default()` stands in after a fault.
    pub(super) fn need<T: Default>(
        &mut self,
        key: &'static str,
        help: &str,
        kind: impl Fn(&Value) -> Read<T>,
    ) -> T {
        self.need_one(&[key], help);
        self.get(key, kind).unwrap_or_default()
    }

    /// Whether `key` is in the file, of whatever kind.
    pub(super) fn has(&self, key: &str) -> bool {
        self.item(key).is_some()
    }

    /// Whether this section itself is in the file.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.content, Content::Absent)
    }

    /// The table at `key`; one without keys when it is not there.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r> {
        let content = match self.take(key) {
            None => Content::Absent,
            Some(item) => self.table_or_fault(key, item),
        };
        Section::new(
            self.reader,
            content,
            self.path_of(key),
            join(&self.shape, key),
        )
    }

    /// The tables of the list at `key`, in their order.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Section<'r>> {
        let Some(item) = self.take(key) else {
            return Vec::new();
        };
        let Some(tables) = tables(item) else {
            let help = format!("write [[{key}]], or a list of tables in brackets");
            self.fault(key, Wrong::new("is not a list of tables", help));
            return Vec::new();
        };
        let path = self.path_of(key);
        let shape = format!("{}[]", join(&self.shape, key));
        let section = |(index, table)| {
            let path = element(&path, index);
            Section::new(self.reader, Content::Table(table), path, shape.clone())
        };
        tables.into_iter().enumerate().map(section).collect()
    }

    /// The entries of the table at `key` under their own names. A plain value in
    /// place of an entry's table stands for its key `short`.
    pub(super) fn named(
        &mut self,
        key: &'static str,
        short: Option<&'static str>,
    ) -> Vec<(String, Section<'r>)> {
        let Some(item) = self.take(key) else {
            return Vec::new();
        };
        let Content::Table(table) = self.table_or_fault(key, item) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let shape = format!("{}.NAME", join(&self.shape, key));
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let path = join(&path, name);
            let content = match (item.as_table_like(), short) {
                (Some(table), _) => Content::Table(table),
                (None, Some(short)) => Content::Short(short, item),
                (None, None) => {
                    self.reader.fault(&path, value::is_no_table());
                    continue;
                }
            };
            let section = Section::new(self.reader, content, path, shape.clone());
            entries.push((name.to_owned(), section));
        }
        entries
    }

    /// Whether `key` holds a list (of values or of tables).
    pub(super) fn is_list(&self, key: &str) -> bool {
        let list = |item: &Item| item.is_array() || item.is_array_of_tables();
        self.item(key).is_some_and(list)
    }

    /// Exactly one of `keys` must stand in this section.
    pub(super) fn need_one(&mut self, keys: &[&'static str], help: &str) {
        self.only_one(keys);
        if !keys.iter().any(|key| self.has(key)) {
            self.missing.push((keys.to_vec(), help.to_owned()));
        }
    }

    /// At most one of `keys` may stand in this section.
    pub(super) fn only_one(&self, keys: &[&'static str]) {
        let mut there = keys.iter().filter(|key| self.has(key));
        let Some(first) = there.next() else { return };
        for other in there {
            let what = format!("stands beside {first}, and only one of them can hold");
            self.fault(other, Wrong::new(what, format!("keep {first} or {other}")));
        }
    }

    /// Remembers what is wrong with `key` (empty: with the section itself).
    pub(super) fn fault(&self, key: &str, wrong: Wrong) {
        self.reader.fault(&self.path_of(key), wrong);
    }

    fn take(&mut self, key: &'static str) -> Option<&'r Item> {
        self.asked.push(key);
        let item = self.item(key);
        self.reader.asked(join(&self.shape, key), item.is_some());
        item
    }

    fn item(&self, key: &str) -> Option<&'r Item> {
        match self.content {
            Content::Absent => None,
            Content::Table(table) => table.get(key),
            Content::Short(short, item) => (short == key).then_some(item),
        }
    }

    fn table_or_fault(&self, key: &str, item: &'r Item) -> Content<'r> {
        if let Some(table) = item.as_table_like() {
            return Content::Table(table);
        }
        self.fault(key, value::is_no_table());
        Content::Absent
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        match self.content {
            Content::Short(..) => self.path.clone(),
            Content::Absent | Content::Table(_) if key.is_empty() => self.path.clone(),
            Content::Absent | Content::Table(_) => join(&self.path, key),
        }
    }

    fn title(&self) -> String {
        if self.path.is_empty() {
            "a section of this file".to_owned()
        } else {
            format!("a key of {}", self.path)
        }
    }

    /// Reports a key that nobody asked for; returns the key that was probably meant.
    fn unknown(&self, name: &str) -> Option<&'static str> {
        let meant = value::nearest(name, self.asked.iter().copied());
        let help = match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("remove it; known here: {}", self.asked.join(", ")),
        };
        let wrong = Wrong::new(format!("is not {}", self.title()), help);
        self.reader.fault(&join(&self.path, name), wrong);
        meant
    }
}

impl Drop for Section<'_> {
    /// Reports what was not asked for and what is missing. A missing key that an
    /// unknown one was probably meant to be is one mistake, and reported once.
    fn drop(&mut self) {
        let mut meant = Vec::new();
        if let Content::Table(table) = self.content {
            for (name, _) in table.iter().filter(|(name, _)| !self.asked.contains(name)) {
                meant.extend(self.unknown(name));
            }
        }
        for (keys, help) in &self.missing {
            if !keys.iter().any(|key| meant.contains(key)) {
                self.fault(keys[0], Wrong::new("is missing", help));
            }
        }
    }
}

fn tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    if let Some(tables) = item.as_array_of_tables() {
        return Some(tables.iter().map(|table| table as &dyn TableLike).collect());
    }
    let table = |value| Some(Value::as_inline_table(value)? as &dyn TableLike);
    item.as_array()?.iter().map(table).collect()
}
