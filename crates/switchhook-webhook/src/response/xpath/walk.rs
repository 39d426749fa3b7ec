//! Evaluates a path step by step. Each result is sorted and without duplicates, and one
//! evaluation visits a limited number of nodes.

use std::collections::BTreeMap;

use roxmltree::{Attribute, Document, Node, NodeType};

use super::{Path, Predicate, Step, Test};

/// Nodes that one evaluation may visit.
const BUDGET: usize = 1_000_000;

/// The document is too large for the path.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::response) struct BudgetExceeded;

/// A node of the result.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a, 'd> {
    Node(Node<'a, 'd>),
    /// Its element, its index among the element's attributes, itself.
    Attribute(u32, usize, Attribute<'a, 'd>),
}

impl Item<'_, '_> {
    /// Returns the key of document order: an element, its attributes, then its children.
    fn order(&self) -> (u32, usize) {
        match self {
            Self::Node(node) => (node.id().get(), 0),
            Self::Attribute(element, index, _) => (*element, index + 1),
        }
    }

    /// Returns the name without its prefix, of an element or an attribute.
    fn local_name(&self) -> Option<&str> {
        match self {
            Self::Attribute(_, _, attribute) => Some(attribute.name()),
            Self::Node(node) => node.is_element().then(|| node.tag_name().name()),
        }
    }

    fn namespace(&self) -> &str {
        let namespace = match self {
            Self::Attribute(_, _, attribute) => attribute.namespace(),
            Self::Node(node) => node.tag_name().namespace(),
        };
        namespace.unwrap_or_default()
    }

    /// Returns the "string-value" of XPath 1.0, section 5.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Attribute(_, _, attribute) => attribute.value().to_owned(),
            Self::Node(node) => node
                .descendants()
                .filter(Node::is_text)
                .filter_map(|text| text.text())
                .collect(),
        }
    }
}

/// One evaluation and its remaining budget.
pub(super) struct Walk {
    left: usize,
}

impl Walk {
    /// Returns the nodes that a path finds in a document, in document order.
    pub(super) fn document<'a, 'd>(
        path: &Path,
        document: &'a Document<'d>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let mut walk = Self { left: BUDGET };
        walk.path(path, Item::Node(document.root()))
    }

    fn spend(&mut self) -> Result<(), BudgetExceeded> {
        self.left = self.left.checked_sub(1).ok_or(BudgetExceeded)?;
        Ok(())
    }

    fn path<'a, 'd>(
        &mut self,
        path: &Path,
        from: Item<'a, 'd>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let mut found = vec![from];
        for step in &path.steps {
            found = self.step(step, found)?;
        }
        Ok(found)
    }

    fn step<'a, 'd>(
        &mut self,
        step: &Step,
        from: Vec<Item<'a, 'd>>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let from = if step.anywhere {
            self.below(from)?
        } else {
            from
        };
        // Sorted and without duplicates.
        let mut found = BTreeMap::new();
        for item in from {
            let mut here = self.select(&step.test, item)?;
            for predicate in &step.predicates {
                here = self.filter(predicate, here)?;
            }
            found.extend(here.into_iter().map(|item| (item.order(), item)));
        }
        Ok(found.into_values().collect())
    }

    /// `descendant-or-self::node()`.
    fn below<'a, 'd>(
        &mut self,
        from: Vec<Item<'a, 'd>>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let mut found = BTreeMap::new();
        for item in from {
            let Item::Node(node) = item else {
                continue;
            };
            for descendant in node.descendants() {
                self.spend()?;
                let item = Item::Node(descendant);
                found.insert(item.order(), item);
            }
        }
        Ok(found.into_values().collect())
    }

    fn select<'a, 'd>(
        &mut self,
        test: &Test,
        from: Item<'a, 'd>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let Item::Node(node) = from else {
            let itself = matches!(test, Test::Itself);
            return Ok(itself.then_some(from).into_iter().collect());
        };
        let mut found = Vec::new();
        match test {
            Test::Itself => found.push(from),
            Test::Parent => found.extend(node.parent().map(Item::Node)),
            Test::Attribute(name) => {
                for (index, attribute) in node.attributes().enumerate() {
                    self.spend()?;
                    if name.as_ref().is_none_or(|name| name == attribute.name()) {
                        found.push(Item::Attribute(node.id().get(), index, attribute));
                    }
                }
            }
            Test::Child(_) | Test::Text => {
                for child in node.children() {
                    self.spend()?;
                    if matches(test, child) {
                        found.push(Item::Node(child));
                    }
                }
            }
        }
        Ok(found)
    }

    fn filter<'a, 'd>(
        &mut self,
        predicate: &Predicate,
        mut items: Vec<Item<'a, 'd>>,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        match predicate {
            Predicate::Position(position) => {
                Ok(items.drain(..).skip(position - 1).take(1).collect())
            }
            Predicate::Last => Ok(items.pop().into_iter().collect()),
            Predicate::Exists(path) => self.keep(items, path, |_| true),
            Predicate::Name(name) => {
                items.retain(|item| item.local_name() == Some(name.as_str()));
                Ok(items)
            }
            Predicate::Namespace(namespace) => {
                items.retain(|item| item.namespace() == *namespace);
                Ok(items)
            }
            Predicate::Equals(path, value) => self.keep(items, path, |item| item.text() == *value),
        }
    }

    fn keep<'a, 'd>(
        &mut self,
        items: Vec<Item<'a, 'd>>,
        path: &Path,
        test: impl Fn(&Item<'a, 'd>) -> bool,
    ) -> Result<Vec<Item<'a, 'd>>, BudgetExceeded> {
        let mut kept = Vec::new();
        for item in items {
            if self.path(path, item)?.iter().any(&test) {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

fn matches(test: &Test, node: Node<'_, '_>) -> bool {
    match test {
        Test::Text => node.node_type() == NodeType::Text,
        Test::Child(None) => node.is_element(),
        Test::Child(Some(name)) => node.is_element() && node.tag_name().name() == name,
        Test::Itself | Test::Parent | Test::Attribute(_) => false,
    }
}
