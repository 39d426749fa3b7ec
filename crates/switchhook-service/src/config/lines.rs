//! Finds the line of each key.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, Key, TableLike, Value};

/// The line of every key by full path (`webhooks.lookup.timeout`, `freeswitch[0].address`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines {
    starts: Vec<usize>,
    keys: BTreeMap<String, usize>,
}

impl Lines {
    /// Indexes all keys of the document.
    pub(super) fn of(document: &Document<&str>) -> Self {
        let mut lines = Self::in_text(document.raw());
        lines.walk(document.as_table(), "");
        lines
    }

    /// Indexes the line starts of `text` only, without keys.
    pub(super) fn in_text(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self {
            starts,
            keys: BTreeMap::new(),
        }
    }

    /// Returns the line, from 1, of the byte at `offset`.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) + 1
    }

    /// Returns the line of a key, or of its nearest parent in the file.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let mut path = key;
        loop {
            if let Some(line) = self.keys.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    fn walk(&mut self, table: &dyn TableLike, path: &str) {
        for (name, item) in table.iter() {
            let path = join(path, name);
            let span = table.key(name).and_then(Key::span).or_else(|| item.span());
            self.note(path.clone(), span.map(|span| span.start));
            self.walk_item(item, &path);
        }
    }

    fn walk_item(&mut self, item: &Item, path: &str) {
        if let Some(table) = item.as_table_like() {
            self.walk(table, path);
        } else if let Some(array) = item.as_array() {
            for (index, value) in array.iter().enumerate() {
                let table = value.as_inline_table().map(|table| table as &dyn TableLike);
                self.walk_element(table, value.span().map(|span| span.start), path, index);
            }
        } else if let Some(tables) = item.as_array_of_tables() {
            for (index, table) in tables.iter().enumerate() {
                let offset = table.span().map(|span| span.start);
                self.walk_element(Some(table), offset, path, index);
            }
        }
    }

    fn walk_element(
        &mut self,
        table: Option<&dyn TableLike>,
        offset: Option<usize>,
        path: &str,
        index: usize,
    ) {
        self.note(element(path, index), offset);
        let Some(table) = table else { return };
        // `query = [{ name = "lead", … }]` is also found as `query.lead`, as if it were a table.
        let name = table.get("name").and_then(Item::as_value);
        if let Some(name) = name.and_then(Value::as_str) {
            self.note(join(path, name), offset);
        }
        self.walk(table, &element(path, index));
    }

    fn note(&mut self, path: String, offset: Option<usize>) {
        if let Some(offset) = offset {
            let line = self.at(offset);
            self.keys.entry(path).or_insert(line);
        }
    }
}

/// Returns the path of the key `name` below `path`, quoted as in TOML.
pub(super) fn join(path: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

/// Returns the path of an element of the list at `path`.
pub(super) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
