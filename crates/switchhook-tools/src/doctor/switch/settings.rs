//! Reads a module's configuration as `xml_locate` prints it.

use roxmltree::{Document, Node, ParsingOptions};

use crate::doctor::answers::is_true;

/// The `<param name value>` elements of a configuration, in order.
pub(super) struct Settings {
    params: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn parse(xml: &str) -> Option<Self> {
        let options = ParsingOptions {
            nodes_limit: 100_000,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(xml, options).ok()?;
        let root = document.root_element();
        if !root.has_tag_name("configuration") {
            return None;
        }
        let settings = root.children().find(|node| node.has_tag_name("settings"));
        let params = settings.into_iter().flat_map(|node| node.children());
        Some(Self {
            params: params.filter_map(param).collect(),
        })
    }

    /// Returns a parameter's last value, which wins in modules that read them in order.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.params.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(is_true)
    }
}

fn param(node: Node<'_, '_>) -> Option<(String, String)> {
    let is_param = node.has_tag_name("param");
    let name = node.attribute("name").filter(|_| is_param)?;
    Some((name.to_owned(), node.attribute("value")?.to_owned()))
}
