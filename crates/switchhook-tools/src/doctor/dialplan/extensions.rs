//! Reads the dialplan's XML as extensions with their actions in order.

use roxmltree::{Document, Node, ParsingOptions};

use crate::doctor::answers::is_true;

/// Most XML nodes of a dialplan; a larger one is not read.
const NODES: u32 = 4_000_000;

/// One extension of a context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) context: String,
    pub(super) name: String,
    /// The actions and anti-actions of all conditions, in order.
    pub(super) actions: Vec<Action>,
    /// The patterns that the dialled number must match.
    pub(super) destinations: Vec<String>,
    /// Whether the search goes on after it (`continue`).
    pub(super) continues: bool,
}

/// One application with its argument, `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) application: String,
    pub(super) data: String,
}

impl Extension {
    /// Returns context and name for a message.
    pub(super) fn location(&self) -> String {
        format!("context {}, extension {}", self.context, self.name)
    }
}

impl Action {
    pub(super) fn is(&self, applications: &[&str]) -> bool {
        let is = |application: &&str| self.application.eq_ignore_ascii_case(application);
        applications.iter().any(is)
    }

    /// Returns name and value if the action sets or exports a variable.
    ///
    /// FreeSWITCH: mod_dptools.c `base_set`, `export_function`.
    pub(super) fn assignment(&self) -> Option<(&str, &str)> {
        if !self.is(&["set", "export"]) {
            return None;
        }
        let data = self.data.strip_prefix("nolocal:").unwrap_or(&self.data);
        data.split_once('=')
            .map(|(name, value)| (name.trim(), value))
    }
}

/// Returns all extensions in order, or `None` if the text is no dialplan's XML.
pub(super) fn extensions(xml: &str) -> Option<Vec<Extension>> {
    let options = ParsingOptions {
        nodes_limit: NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options).ok()?;
    let root = document.root_element();
    if !root.has_tag_name("section") && !root.has_tag_name("context") {
        return None;
    }
    let found = root
        .descendants()
        .filter(|node| node.has_tag_name("extension"));
    Some(found.map(extension).collect())
}

fn extension(node: Node<'_, '_>) -> Extension {
    let mut contexts = node.ancestors().filter(|node| node.has_tag_name("context"));
    let context = contexts.next().and_then(|node| node.attribute("name"));
    let is_action =
        |node: &Node<'_, '_>| node.has_tag_name("action") || node.has_tag_name("anti-action");
    Extension {
        context: context.unwrap_or_default().to_owned(),
        name: node.attribute("name").unwrap_or_default().to_owned(),
        actions: node.descendants().filter(is_action).map(action).collect(),
        destinations: node.descendants().filter_map(destination).collect(),
        continues: node.attribute("continue").is_some_and(is_true),
    }
}

/// Returns the pattern of a condition on the dialled number.
fn destination(node: Node<'_, '_>) -> Option<String> {
    let fields = ["destination_number", "${destination_number}"];
    let is_one = node.has_tag_name("condition")
        && node
            .attribute("field")
            .is_some_and(|field| fields.contains(&field));
    let pattern = node.attribute("expression").filter(|_| is_one);
    pattern.map(str::to_owned)
}

fn action(node: Node<'_, '_>) -> Action {
    let data = node.attribute("data").or_else(|| node.text());
    Action {
        application: node
            .attribute("application")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        data: data.unwrap_or_default().trim().to_owned(),
    }
}
