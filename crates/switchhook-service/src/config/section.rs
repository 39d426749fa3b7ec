//! Reads a table of the file key by key.
//!
//! The code reads each key of a [`Section`] with the key's parser
//! (`section.get("timeout", duration(MIN..=MAX))`). When the section is dropped, it reports every
//! key of the table that was not read. So the keys that the code reads are the keys that are known:
//! there is no second list.

use toml_edit::{Item, TableLike, Value};

use super::lines::{element, join};
use super::read_context::ReadContext;
use super::value::{self, Parsed, Problem};

#[derive(Clone, Copy)]
enum SectionContent<'r> {
    /// The section is not in the file: every key is absent, but still known.
    Absent,
    Table(&'r dyn TableLike),
    /// A plain value in place of a table; it is the value of this key of the table.
    Shorthand(&'static str, &'r Item),
}

/// One table of the file.
pub(super) struct Section<'r> {
    pub(super) context: &'r ReadContext<'r>,
    content: SectionContent<'r>,
    path: String,
    /// The path with `NAME` and `[]` in place of names and indexes.
    shape: String,
    known: Vec<&'static str>,
    /// Groups of keys of which one is required and none is present, each with its help.
    missing: Vec<(Vec<&'static str>, String)>,
}

impl<'r> Section<'r> {
    /// Returns the section of the whole document.
    pub(super) fn root(context: &'r ReadContext<'r>, table: &'r dyn TableLike) -> Self {
        Self::new(
            context,
            SectionContent::Table(table),
            String::new(),
            String::new(),
        )
    }

    fn new(
        context: &'r ReadContext<'r>,
        content: SectionContent<'r>,
        path: String,
        shape: String,
    ) -> Self {
        Self {
            context,
            content,
            path,
            shape,
            known: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Returns the value of `key` if it is present and `parse` accepts it.
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Value) -> Parsed<T>,
    ) -> Option<T> {
        let item = self.take_item(key)?;
        let read = item
            .as_value()
            .ok_or_else(value::unexpected_table)
            .and_then(parse);
        read.map_err(|problem| self.fault(key, problem)).ok()
    }

    /// Returns the value of `key`, or `default`.
    pub(super) fn get_or<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl Fn(&Value) -> Parsed<T>,
    ) -> T {
        self.get(key, parse).unwrap_or(default)
    }

    /// Returns the value of the required `key`, or `T::default()` after a fault.
    pub(super) fn require<T: Default>(
        &mut self,
        key: &'static str,
        help: &str,
        parse: impl Fn(&Value) -> Parsed<T>,
    ) -> T {
        self.require_one_of(&[key], help);
        self.get(key, parse).unwrap_or_default()
    }

    /// Whether `key` is in the file, whatever its type.
    pub(super) fn has(&self, key: &str) -> bool {
        self.item(key).is_some()
    }

    /// Whether this section itself is in the file.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self.content, SectionContent::Absent)
    }

    /// Returns the table at `key`; an absent table has no keys.
    pub(super) fn subsection(&mut self, key: &'static str) -> Section<'r> {
        let content = match self.take_item(key) {
            None => SectionContent::Absent,
            Some(item) => self.table_or_fault(key, item),
        };
        Section::new(
            self.context,
            content,
            self.path_of(key),
            join(&self.shape, key),
        )
    }

    /// Returns the tables of the list at `key` in their order.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'r>> {
        let Some(item) = self.take_item(key) else {
            return Vec::new();
        };
        let Some(tables) = list_of_tables(item) else {
            let help = format!("write [[{key}]], or a list of tables in brackets");
            self.fault(key, Problem::new("is not a list of tables", help));
            return Vec::new();
        };
        let path = self.path_of(key);
        let shape = format!("{}[]", join(&self.shape, key));
        let section = |(index, table)| {
            let path = element(&path, index);
            Section::new(
                self.context,
                SectionContent::Table(table),
                path,
                shape.clone(),
            )
        };
        tables.into_iter().enumerate().map(section).collect()
    }

    /// Returns the entries of the table at `key` by name. A plain value in place of an entry's
    /// table is the value of its key `short`.
    pub(super) fn named_sections(
        &mut self,
        key: &'static str,
        short: Option<&'static str>,
    ) -> Vec<(String, Section<'r>)> {
        let Some(item) = self.take_item(key) else {
            return Vec::new();
        };
        let SectionContent::Table(table) = self.table_or_fault(key, item) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let shape = format!("{}.NAME", join(&self.shape, key));
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let path = join(&path, name);
            let content = match (item.as_table_like(), short) {
                (Some(table), _) => SectionContent::Table(table),
                (None, Some(short)) => SectionContent::Shorthand(short, item),
                (None, None) => {
                    self.context.fault(&path, value::expected_table());
                    continue;
                }
            };
            let section = Section::new(self.context, content, path, shape.clone());
            entries.push((name.to_owned(), section));
        }
        entries
    }

    /// Whether `key` holds a list of values or of tables.
    pub(super) fn is_list(&self, key: &str) -> bool {
        let list = |item: &Item| item.is_array() || item.is_array_of_tables();
        self.item(key).is_some_and(list)
    }

    /// Adds a fault unless exactly one of `keys` is present.
    pub(super) fn require_one_of(&mut self, keys: &[&'static str], help: &str) {
        self.at_most_one(keys);
        if !keys.iter().any(|key| self.has(key)) {
            self.missing.push((keys.to_vec(), help.to_owned()));
        }
    }

    /// Adds a fault for each of `keys` after the first one present.
    pub(super) fn at_most_one(&self, keys: &[&'static str]) {
        let mut present = keys.iter().filter(|key| self.has(key));
        let Some(first) = present.next() else { return };
        for other in present {
            let what = format!("conflicts with {first}: only one of them is allowed");
            self.fault(
                other,
                Problem::new(what, format!("keep {first} or {other}")),
            );
        }
    }

    /// Adds a fault at `key`; an empty `key` is the section itself.
    pub(super) fn fault(&self, key: &str, problem: Problem) {
        self.context.fault(&self.path_of(key), problem);
    }

    fn take_item(&mut self, key: &'static str) -> Option<&'r Item> {
        self.known.push(key);
        let item = self.item(key);
        self.context
            .record_key(join(&self.shape, key), item.is_some());
        item
    }

    fn item(&self, key: &str) -> Option<&'r Item> {
        match self.content {
            SectionContent::Absent => None,
            SectionContent::Table(table) => table.get(key),
            SectionContent::Shorthand(short, item) => (short == key).then_some(item),
        }
    }

    fn table_or_fault(&self, key: &str, item: &'r Item) -> SectionContent<'r> {
        if let Some(table) = item.as_table_like() {
            return SectionContent::Table(table);
        }
        self.fault(key, value::expected_table());
        SectionContent::Absent
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        match self.content {
            SectionContent::Shorthand(..) => self.path.clone(),
            SectionContent::Absent | SectionContent::Table(_) if key.is_empty() => {
                self.path.clone()
            }
            SectionContent::Absent | SectionContent::Table(_) => join(&self.path, key),
        }
    }

    fn kind_of_key(&self) -> String {
        if self.path.is_empty() {
            "a section of this file".to_owned()
        } else {
            format!("a key of {}", self.path)
        }
    }

    /// Reports a key that is not known; returns the known key that was probably meant.
    fn report_unknown(&self, name: &str) -> Option<&'static str> {
        let meant = value::closest_match(name, self.known.iter().copied());
        let help = match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("remove it; known here: {}", self.known.join(", ")),
        };
        let problem = Problem::new(format!("is not {}", self.kind_of_key()), help);
        self.context.fault(&join(&self.path, name), problem);
        meant
    }
}

impl Drop for Section<'_> {
    /// Reports unknown and missing keys. If an unknown key was probably meant to be a missing one,
    /// only the unknown key is reported.
    fn drop(&mut self) {
        let mut meant = Vec::new();
        if let SectionContent::Table(table) = self.content {
            for (name, _) in table.iter().filter(|(name, _)| !self.known.contains(name)) {
                meant.extend(self.report_unknown(name));
            }
        }
        for (keys, help) in &self.missing {
            if !keys.iter().any(|key| meant.contains(key)) {
                self.fault(keys[0], Problem::new("is missing", help));
            }
        }
    }
}

fn list_of_tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    if let Some(tables) = item.as_array_of_tables() {
        return Some(tables.iter().map(|table| table as &dyn TableLike).collect());
    }
    let table = |value| Some(Value::as_inline_table(value)? as &dyn TableLike);
    item.as_array()?.iter().map(table).collect()
}
